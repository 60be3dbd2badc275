"""The page of a run: whole, self-contained, the same twice, honest about what is missing."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from fake_run import FakeRun, report_of, write_events
from fake_timings import recipe_of, timings_of
from PIL import Image

from fasterseg.deploy.shipping.report_places import report_beside
from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.errors import FileError
from fasterseg.latency.models import ModelComparison, ModelLatencies, ModelLatency
from fasterseg.network.card import Card, SupernetFacts, TrainingSegment
from fasterseg.pipeline.planning.plan import forecast_of
from fasterseg.reporting.course import search_charts, training_charts
from fasterseg.reporting.facts import RunFacts, read_facts
from fasterseg.reporting.gallery import LEADING, choose_images
from fasterseg.reporting.report import write_report
from fasterseg.reporting.results import NetworkResult
from fasterseg.reporting.verdict import verdicts_of
from fasterseg.runs import RunFolder
from fasterseg.searching.summaries.summary import SearchSummary

STUDENT = '_a<b>&"$x$'
VOID = {"meta", "img", "br", "link", "input", "hr"}
HOSTILE = (
    '<script>alert("x")</script>',
    "{{ 7 * 7 }}",
    "a & b",
    "' onload='x",
    "$\\frac{1}{0}$",
    "_hidden",
    "é" * 60,
    "</style>",
    "%s %d",
)


class Page(HTMLParser):
    """Reads a page: complains about tags that do not match, keeps what links and text there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.scripts = 0
        self.images: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert not any(name.startswith("on") for name in found), found
        self.scripts += tag == "script"
        self.references += [str(v) for k, v in attrs if k in ("src", "href", "srcset", "data")]
        self.ids += [str(found["id"])] if "id" in found else []
        self.images += [found] if tag == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All words of the page, blanks made single."""
        return " ".join(" ".join(self.words).split())


def page_of(fake: FakeRun, folder: Path) -> str:
    """The page of a run that was made up."""
    run = fake.write(folder)
    path = write_report(run, source=fake.source, open_predictor=fake.open_predictor)
    assert path == run.report
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, RunFolder, str]:
    """A whole run with a teacher and two students, and its page."""
    fake = FakeRun(students=("student", "fast"))
    folder = tmp_path_factory.mktemp("whole")
    return fake, RunFolder(folder), page_of(fake, folder)


def test_tags_match_and_names_are_given_once(whole: tuple[FakeRun, RunFolder, str]) -> None:
    page = Page(whole[2])
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    inner = [link.removeprefix("#") for link in page.references if link.startswith("#")]
    assert set(inner) <= set(page.ids)


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(
    whole: tuple[FakeRun, RunFolder, str],
) -> None:
    page = Page(whole[2])
    assert page.scripts == 0
    assert all(link.startswith(("data:image/", "#")) for link in page.references)
    without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", whole[2])
    assert "http:" not in without_namespaces
    assert "https:" not in without_namespaces
    assert "@import" not in whole[2]
    assert not re.search(r"url\((?!#)", whole[2])


def test_a_student_s_teacher_and_its_lead_are_told(whole: tuple[FakeRun, RunFolder, str]) -> None:
    words = Page(whole[2]).text
    assert "student was taught by teacher" in words
    assert "answers kept, weight 1 constant, temperature 1" in words
    assert words.count("ahead of its student") == 2, "once for each student"
    assert "points ahead of fast on test" in words


def test_every_variant_that_was_tried_is_told_with_its_score(
    whole: tuple[FakeRun, RunFolder, str],
) -> None:
    words = Page(whole[2]).text
    for told in ("branches 32+8, input scale 3/4", "branches 32+16, input scale 3/4"):
        assert words.count(told) == 2, "once for each student"
    assert "31.20" in words
    assert "30.40" in words


def test_the_same_files_give_the_same_page(whole: tuple[FakeRun, RunFolder, str]) -> None:
    fake, run, page = whole
    write_report(run, source=fake.source, open_predictor=fake.open_predictor)
    assert run.report.read_text(encoding="utf-8") == page


def test_the_headline_is_what_the_files_hold(whole: tuple[FakeRun, RunFolder, str]) -> None:
    _, run, page = whole
    words = Page(page).text
    for name in ("teacher", "student", "fast"):
        assert f"{100 * report_of(run, name).mean_iou:.2f}" in words
    assert "4.72 ms" in words  # measured on the trained network, not 4.71 on the search's candidate
    assert "4.71" not in words
    assert "within budget" in words


def test_every_picture_has_words_and_a_size(whole: tuple[FakeRun, RunFolder, str]) -> None:
    page = Page(whole[2])
    assert len(page.images) >= 5 * 5
    assert all(image["alt"] and image["width"] and image["height"] for image in page.images)
    labels = re.findall(r'<svg[^>]*aria-label="([^"]*)"', whole[2])
    assert len(labels) == whole[2].count("<svg")
    assert all(labels)


def test_every_file_that_was_read_is_named_with_its_digest(
    whole: tuple[FakeRun, RunFolder, str],
) -> None:
    _, run, page = whole
    facts = read_facts(run)
    names = {file.path for file in facts.files}
    assert {
        "recipe.json",
        "data.json",
        "latency/table.json",
        "search/cosearch/events.jsonl",
        "search/summary.json",
        "search/fast.json",
        "training/student/best/card.json",
        "training/student/best/weights.safetensors",
        "evaluation/teacher-best-test.json",
        "evaluation/position-test.json",
        "stages.json",
    } <= names
    for file in facts.files:
        assert file.path in page
        assert file.digest in page


def test_no_path_of_this_machine_is_told(whole: tuple[FakeRun, RunFolder, str]) -> None:
    assert str(whole[1].root) not in whole[2]


def test_the_page_says_who_was_selected_and_by_how_much_more_than_noise(
    whole: tuple[FakeRun, RunFolder, str],
) -> None:
    _, _, text = whole
    page = " ".join(" ".join(Page(text).words).split())
    assert "Selected at the budget" in page
    assert "the student: a child of better ones" in page
    row = page[page.index("the most probable network 4.79 ms") :]
    assert row.startswith("the most probable network 4.79 ms 29.80 % 30.00 % 39.40 % +1.80")
    assert "the best of 8 even draws 4.79 ms 30.10 % 29.50 % +2.30 ± 0.60 30.10 %" in page
    assert "4 finalists were trained" in page
    assert "16 children of the best so far" in page
    assert "1 that scored better did not fit the budget as measured" in page
    # One that noise may explain is grey.
    assert '<td class="number soft">+0.90 ± 0.70</td>' in text
    assert '<td class="number">+1.60 ± 0.70</td>' in text


def test_the_worst_images_come_first(whole: tuple[FakeRun, RunFolder, str]) -> None:
    _, run, page = whole
    worst = report_of(run, "student").worst_images(2)
    places = [page.index(f"<h3>{score.name}") for score in worst]
    assert places == sorted(places)
    pictures = page[page.index('id="pictures"') :]
    order = [pictures.index(why) for why in ("among the worst", "typical", "among the best")]
    assert order == sorted(order)


def test_the_page_begins_with_the_verdict_pictures_the_file_and_what_to_type(
    whole: tuple[FakeRun, RunFolder, str],
) -> None:
    _, run, page = whole
    first = page[: page.index('id="result"')]
    words = Page(page).text
    for verdict in verdicts_of(read_facts(run)):
        for sentence in (verdict.speed, verdict.sure, verdict.accuracy, *verdict.warnings):
            assert " ".join(sentence.split()) in words
    assert first.count("<img") == 4
    assert first.index("among the best") < first.index("typical") < first.index("among the worst")
    for told in ("export/student.onnx", "1.3 MB", "sha256:" + 64 * "c", "labels: 100.0000 %"):
        assert told in first
    assert re.findall(r'<pre class="command">(.*)</pre>', first) == [
        line.replace("student", name)
        for name in ("student", "fast")
        for line in (
            "fasterseg predict export/student.onnx report/example.png --size 64x128 "
            "--out predictions",
            "fasterseg benchmark export/student.onnx --quick",
            "fasterseg export training/student/best --size 64x128 --out export/student-labels.onnx",
        )
    ]


def test_the_example_that_commands_name_is_an_image_of_the_scored_ones(
    whole: tuple[FakeRun, RunFolder, str],
) -> None:
    fake, run, _ = whole
    with Image.open(run.example) as picture:
        shown = np.asarray(picture)
    scored = [fake.source.sample("test", index).image for index in range(5)]
    assert any(np.array_equal(shown, image) for image in scored)


def test_names_that_a_shell_would_read_otherwise_are_quoted_in_commands(hostile: str) -> None:
    commands = re.findall(r'<pre class="command">(.*)</pre>', hostile)
    typed = [shlex.split(unescape(command)) for command in commands]
    assert f"export/{STUDENT}.onnx" in typed[0]
    assert f"training/{STUDENT}/best" in typed[2]


def test_a_run_whose_file_is_gone_says_so(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    (run.exported("student")).unlink()
    page = Page(write_report(run).read_text(encoding="utf-8")).text
    assert page.count("it is no longer there") == 1


def test_the_page_tells_of_the_file_that_was_timed_whatever_lies_beside_it(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    file = run.exported("student")
    own = ExportReport.load(report_beside(file))
    other = {"file": str(file.with_suffix(".xml")), "file_digest": "sha256:" + 64 * "d"}
    own.model_copy(update=other).save(report_beside(file.with_suffix(".xml")))
    assert read_facts(run).students[0].export == own
    report_beside(file).rename(file.with_suffix(".export.json"))  # as earlier versions called it
    assert read_facts(run).students[0].export == own


def test_a_run_of_before_files_were_kept_has_a_page_that_names_the_bundle(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    shutil.rmtree(run.root / "export")
    page = write_report(run).read_text(encoding="utf-8")
    assert '<code class="file">training/student/best</code>' in page
    assert "fasterseg benchmark training/student/best --quick" in page
    assert "fasterseg export training/student/best --dynamic" in page


def test_the_students_columns_come_before_the_teachers(
    whole: tuple[FakeRun, RunFolder, str],
) -> None:
    heads = re.findall(r"IoU, ([^<]*)</th>", whole[2])
    assert heads == ["student", "fast", "position alone", "teacher"]


def test_pictures_are_loaded_without_scrolling(whole: tuple[FakeRun, RunFolder, str]) -> None:
    assert all("loading" not in image for image in Page(whole[2]).images)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run without a teacher, whose names were chosen to break pages."""
    fake = FakeRun(teacher=False, students=(STUDENT,), names=HOSTILE)
    return page_of(fake, tmp_path_factory.mktemp("hostile"))


def test_a_run_without_a_teacher_has_a_page(hostile: str) -> None:
    assert Page(hostile).open == []
    assert "teacher" not in Page(hostile).text


def test_hostile_class_names_are_only_words(hostile: str) -> None:
    page = Page(hostile)
    assert page.scripts == 0
    assert page.text.count(HOSTILE[0]) >= 2  # in the table and in the legend of pictures
    assert HOSTILE[0] not in hostile
    for name in HOSTILE[:6]:
        assert " ".join(name.split()) in page.text


def test_hostile_contender_names_are_only_words(hostile: str) -> None:
    assert STUDENT not in hostile
    charts = [svg for svg in hostile.split("<svg") if 'class="chart"' in svg.partition(">")[0]]
    shown = [svg for svg in charts if Page(f"<svg{svg.partition('</svg>')[0]}</svg>").text]
    assert len(shown) > 5
    assert sum(STUDENT in Page(f"<svg{svg.partition('</svg>')[0]}</svg>").text for svg in shown) > 3


def bare_copy(run: RunFolder, folder: Path) -> RunFolder:
    """A copy of a run without what takes a while to draw."""
    shutil.copytree(run.root, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.jsonl"))
    for path in (run.search, run.latency_table.parent):
        shutil.rmtree(folder / path.name)
    return RunFolder(folder)


@pytest.mark.parametrize(
    ("until", "missing"),
    [
        ("data", 6),
        ("profile", 5),
        ("search", 2),
        ("train", 1),
    ],
)
def test_a_stage_that_has_not_run_is_said_to_be_missing(
    until: str, missing: int, whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    shutil.copytree(whole[1].root, tmp_path, dirs_exist_ok=True)
    gone = {
        "train": ("evaluation",),
        "search": ("training", "evaluation"),
        "profile": ("search", "training", "evaluation", "stages.json"),
        "data": ("latency", "search", "training", "evaluation", "stages.json"),
    }
    for name in gone[until]:
        path = tmp_path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = Page(write_report(run).read_text(encoding="utf-8"))
    assert page.open == []
    assert page.text.count("Not run yet") == missing
    assert "no network has been trained and scored" in page.text


def test_a_run_that_has_just_begun_has_a_page(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    FakeRun().recipe().save(run.recipe)
    page = Page(write_report(run).read_text(encoding="utf-8"))
    assert page.open == []
    assert page.text.count("Not run yet") == 6


def test_before_the_test_score_the_validation_score_is_told_as_such(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    shutil.rmtree(run.result("").parent)
    page = Page(write_report(run).read_text(encoding="utf-8"))
    assert "chosen by this very score, so it flatters" in page.text


def test_without_data_the_page_has_no_pictures_and_says_why(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    page = Page(write_report(run).read_text(encoding="utf-8"))
    assert page.images == []
    assert "the data was not at hand" in page.text


def test_data_that_changed_gives_no_pictures(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    other = FakeRun(size=(32, 64)).source
    page = Page(write_report(run, source=other).read_text(encoding="utf-8"))
    assert page.images == []
    assert "the data has changed" in page.text


def test_the_pictures_are_predicted_by_the_bundles_of_the_run(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    source = whole[0].source
    page = Page(write_report(run, source=source).read_text(encoding="utf-8"))
    rows = len(choose_images(report_of(run, "student")))
    networks = [f"{name} for" for name in ("teacher", "student", "fast")]
    told = [str(image["alt"]) for image in page.images]
    assert len(told) == rows * (2 + len(networks)) + LEADING
    assert sum(words.startswith(tuple(networks)) for words in told) == rows * len(networks)


def test_a_log_that_a_crash_cut_short_is_shown_up_to_there(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    write_events(run.search / "cosearch" / "events.jsonl", [{"loss": 1.5}] * 4)
    log = run.search / "cosearch" / "events.jsonl"
    log.write_text(log.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    assert len(read_facts(run).cosearch) == 3


def test_damaged_lines_of_a_log_are_left_out_and_the_page_says_so(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    log = run.search / "cosearch" / "events.jsonl"
    write_events(log, [{"loss": 1.5}] * 4)
    lines = log.read_text(encoding="utf-8").splitlines()
    log.write_text("\n".join([lines[0], "7", *lines[2:], ""]), encoding="utf-8")
    facts = read_facts(run)
    assert len(facts.cosearch) == 3
    assert "damaged: 1 lines are left out" in [file.by for file in facts.files]


def test_a_network_that_several_machines_trained_says_which_steps(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    card = Card.load(whole[1].bundle("teacher") / "card.json")
    known = {"torch": "2.13.0", "fasterseg": "1", "threads": 4, "device": "cpu"}
    parts = tuple(
        TrainingSegment(first=first, last=last, processor=name, precision="float32", **known)
        for first, last, name in ((1, 7, "Epyc"), (8, 12, "Xeon"))
    )
    facts = card.training.model_copy(update={"segments": parts})
    card.model_copy(update={"training": facts}).save(run.bundle("teacher") / "card.json")
    page = write_report(run).read_text(encoding="utf-8")
    assert "steps 8 to 12: Xeon, torch 2.13.0" in page
    assert "more than one machine" not in whole[2]


def test_a_network_that_began_with_the_supernet_is_not_shown_as_a_fresh_one(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    card = Card.load(whole[1].bundle("teacher") / "card.json")
    supernet = SupernetFacts(
        digest="sha256:abc", data="street", data_digest="sha256:1", split="train", images=7, steps=9
    )
    facts = card.training.model_copy(update={"supernet": supernet})
    card.model_copy(update={"training": facts}).save(run.bundle("teacher") / "card.json")
    page = write_report(run).read_text(encoding="utf-8")
    told = "begun from a supernet (abc) that had learned for 9 steps from 7 images of street/train"
    assert told in page
    assert "begun from a supernet" not in whole[2]


def test_a_budget_that_is_a_model_is_shown_with_what_was_measured_of_both(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    shutil.copytree(whole[1].root, tmp_path, dirs_exist_ok=True)
    matched = {"matched": "as fast as baseline:fast-scnn (abc)"}
    known = {"model": "baseline:fast-scnn", "rounds": 12, "quiet_rounds": 9}
    landed = ModelComparison(ratio=0.97, low=0.95, high=0.99, **known)
    summary = SearchSummary.load(run.search_summary)
    contenders = [
        one.model_copy(update={**matched, "against": landed}) if one.role == "student" else one
        for one in summary.contenders
    ]
    summary.model_copy(update={"contenders": tuple(contenders)}).save(run.search_summary)
    student = next(one.name for one in contenders if one.role == "student")
    result = NetworkResult.load(run.result(student))
    trained = ModelComparison(ratio=0.98, low=0.96, high=1.0, **known)
    result.model_copy(update={**matched, "against": trained}).save(run.result(student))
    latency = ModelLatency(
        model="baseline:fast-scnn",
        digest="sha256:abc",
        median_ms=3.5,
        p95_ms=3.8,
        promise="p95",
        windows=4,
        queries=256,
        steady_windows=4,
    )
    ModelLatencies(models={latency.model: latency}).save(run.model_latencies)
    page = write_report(run).read_text(encoding="utf-8")
    for told in (
        "as fast as baseline:fast-scnn (abc)",
        "as found it takes 0.970 [0.950-0.990] times what baseline:fast-scnn takes",
        "as trained and exported it takes 0.980 [0.960-1.000] times",
        "baseline:fast-scnn (abc): 3.500 ms (p95 3.800), by turns with a network of the space",
        "latency/models.json",
    ):
        assert told in page, told


def test_scores_on_images_that_were_trained_on_are_not_said_to_have_chosen(
    whole: tuple[FakeRun, RunFolder, str],
) -> None:
    facts = read_facts(whole[1])
    trained = [network for network in facts.networks if network.events]
    assert "The best of these chose" in _validation_note_of(facts)
    seen = [
        replace(network, cards={which: _seen(card) for which, card in network.cards.items()})
        for network in trained
    ]
    assert "trained on" in _validation_note_of(replace(facts, networks=tuple(seen)))


def _validation_note_of(facts: RunFacts) -> str:
    return next(c.note for c in training_charts(facts) if c.title == "Validation score")


def _seen(card: Card) -> Card:
    scores = tuple(score.model_copy(update={"seen": True}) for score in card.scores)
    return card.model_copy(update={"scores": scores})


def test_a_strength_over_many_decades_is_labelled_by_powers_of_ten_alone(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    log = run.search / "cosearch" / "events.jsonl"

    def labels(lowest: float) -> set[str]:
        strengths = [{"step": i, "student/penalty_strength": lowest**i} for i in range(2)]
        write_events(log, [{"loss": 1.5, **strength} for strength in strengths])
        (chart,) = (c for c in search_charts(read_facts(run)) if c.title.startswith("Strength"))
        return set(re.findall(r">([\d.e-]+)</text>", str(chart.svg)))

    assert {"0.1", "0.2", "0.5"} <= labels(0.05)
    assert "0.001" in labels(1e-5)
    assert not {"0.2", "0.5", "0.02", "0.05"} & labels(1e-5)


def test_a_search_of_one_step_has_a_page(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    log = run.search / "cosearch" / "events.jsonl"
    write_events(log, [{"loss": 1.5, "student/loss": 1.4, "student/derived_ms": 5.0}])
    assert Page(write_report(run).read_text(encoding="utf-8")).open == []


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no run in this folder"):
        write_report(RunFolder(tmp_path))


def test_a_damaged_file_is_refused_rather_than_left_out(
    whole: tuple[FakeRun, RunFolder, str], tmp_path: Path
) -> None:
    run = bare_copy(whole[1], tmp_path)
    path = run.score("student", "test", which="best")
    text = re.sub(r'"mean_iou": 0\.\d', '"mean_iou": 0.9', path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match="changed after it was written"):
        write_report(run)


def test_reading_a_run_leaves_it_as_it_was(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    FakeRun().recipe().save(run.recipe)
    before = sorted(tmp_path.rglob("*"))
    read_facts(run)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_shows_its_forecast_beside_what_it_took(tmp_path: Path) -> None:
    timings, work = timings_of(recipe_of())
    fake = FakeRun(until="search")
    run = fake.write(tmp_path)
    without = Page(page_of(fake, tmp_path)).text
    assert "Forecast and actual" not in without
    forecast = forecast_of(work, timings, memory=10**12, disk=10**12, seconds=1.0)
    forecast.save(run.forecast)
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    (profile,) = [stage for stage in forecast.stages if stage.name == "profile"]
    assert f"{41.5 / (3600 * profile.hours):.2f}" in text
    assert "evaluate" in text
    assert "not finished" in text


def test_what_an_older_version_forecast_is_no_reason_to_refuse_a_run(tmp_path: Path) -> None:
    run = FakeRun(until="search").write(tmp_path)
    (run.root / "plan.json").write_text('{"schema": "fasterseg/plan/1", "content": {}}')
    assert "Forecast and actual" not in write_report(run).read_text(encoding="utf-8")


def test_a_search_that_noise_decided_is_told_beside_every_entropy(
    whole: tuple[FakeRun, RunFolder, str],
) -> None:
    page = Page(whole[2]).text
    assert "student: the search did not decide the paths" in page
    assert "operators 60.0 % (noise alone leaves 90.0 %)" in page
    assert "operators, by noise alone" in page
