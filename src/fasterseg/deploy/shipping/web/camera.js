// The camera: frame by frame, as fast as the network takes them.
"use strict";

(() => {
  const { at, say } = fasterseg;
  let stream = null;

  // Why this page may have none; empty where it may.
  function whyNoCamera() {
    if (navigator.mediaDevices?.getUserMedia) return "";
    return "The camera needs https, or a page from localhost: a browser gives it to no other.";
  }

  async function start(show) {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    at("camera").setAttribute("aria-pressed", "true");
    at("camera").textContent = "Stop the camera";
    const video = Object.assign(document.createElement("video"), {
      srcObject: stream, muted: true, playsInline: true,
    });
    await video.play();
    say("The camera is on.");
    while (stream) {
      const frame = fasterseg.pixelsOf(video, video.videoWidth, video.videoHeight);
      await show("Camera", frame);
      await new Promise(requestAnimationFrame); // the page stays usable between two frames
    }
    video.srcObject = null;
  }

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    at("camera").setAttribute("aria-pressed", "false");
    at("camera").textContent = "Use the camera";
  }

  async function toggleCamera(show) {
    if (stream) {
      stop();
      say("The camera is off.");
      return;
    }
    try {
      await start(show);
    } catch (error) {
      stop();
      say(`The camera cannot be used: ${error.message}`);
    }
  }

  globalThis.fasterseg = { ...globalThis.fasterseg, whyNoCamera, toggleCamera, stopCamera: stop };
})();
