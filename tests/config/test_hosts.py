"""Where a target's device is: here, carried to by hand, or reached by ssh."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fasterseg.config import Recipe, SshAddress, TargetSettings, build_recipe
from fasterseg.config.uses import keyed
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.latency.table import Target
from fasterseg.pipeline.settings.recipes import resolve_recipe


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://pi@192.168.1.20", SshAddress("192.168.1.20", "pi")),
        ("ssh://pi@robot.local:2222", SshAddress("robot.local", "pi", 2222)),
        ("ssh://jetson", SshAddress("jetson")),
        ("ssh://pi@[fe80::1]:22", SshAddress("fe80::1", "pi", 22)),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, address: SshAddress) -> None:
    assert SshAddress.of(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "ssh://",
        "ssh://-oProxyCommand=true",
        "ssh://-l@host",
        "ssh://pi@-host",
        "ssh://pi@host:0",
        "ssh://pi@host:65536",
        "ssh://pi@host/folder",
        "ssh://pi@ho st",
        "ssh://pi@host\n",
        "ssh:pi@host",
        "SSH://pi@host",
        "ssh://pi:secret@host",
    ],
)
def test_what_is_no_address_is_refused_as_a_device_and_as_a_key(text: str) -> None:
    with pytest.raises(UsageError, match="no such device") as caught:
        Common.reaching(device=text)
    assert "ssh://" in caught.value.next_step
    with pytest.raises(ValidationError):
        TargetSettings(host=text, height=32, width=64)


def test_a_device_elsewhere_is_the_recipe_s_host_and_computes_nothing() -> None:
    common = Common.reaching(device="ssh://pi@robot:22")
    assert common.device is None
    assert resolve_recipe(common).target.host == "ssh://pi@robot:22"
    assert resolve_recipe(Common.reaching(device="kit")).target.host == "kit"
    kept = Common.reaching(device="cpu")
    assert (kept.device, resolve_recipe(kept).target.host) == ("cpu", "here")


def test_set_goes_over_the_device_as_over_every_option() -> None:
    common = Common.reaching(device="kit", set=("target.host=ssh://pi@robot",))
    assert resolve_recipe(common).target.host == "ssh://pi@robot"


def test_a_recipe_of_this_machine_is_written_as_it_always_was() -> None:
    here = Recipe()
    assert "host" not in here.content()["target"]
    assert "host" not in Target.of(TargetSettings(height=8, width=8), 3).model_dump()
    there = build_recipe(None, overrides=("target.host=kit",))
    assert there.content()["target"]["host"] == "kit"
    assert Recipe.model_validate(there.content()) == there
    assert there.digest() != here.digest()


def test_a_device_may_be_reached_in_another_way_and_not_be_another() -> None:
    by_hand, by_ssh, here = (
        keyed(build_recipe(None, overrides=(f"target.host={host}",)))
        for host in ("kit", "ssh://pi@robot", "here")
    )
    assert by_hand == by_ssh
    assert by_hand != here


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ({"backend": "onnxruntime-web"}, "runs in a browser"),
        ({"backend": "onnxruntime-web", "host": "ssh://pi@robot"}, "runs in a browser"),
        ({"backend": "pytorch", "host": "kit"}, "timed on this machine only"),
        ({"tail": "fast", "host": "kit"}, "take the tail graph"),
        (
            {"backend": "tensorrt", "host": "ssh://pi@robot", "transfer": False},
            "leave transfer out",
        ),
    ],
)
def test_what_cannot_be_timed_where_the_device_is_is_refused_in_a_sentence(
    target: dict[str, object], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        TargetSettings.model_validate(target)


def test_a_browser_is_a_target_of_kits() -> None:
    target = TargetSettings(backend="onnxruntime-web", host="kit")
    assert (target.device, target.is_here) == ("cpu", False)
