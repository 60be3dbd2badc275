"""What a selection came to, in words: who won among what, and by how much more than noise."""

from __future__ import annotations

from fasterseg.searching.summaries.selection_summary import (
    LeadSummary,
    RivalSummary,
    SelectionSummary,
)
from fasterseg.searching.summaries.summary import ContenderSummary, SearchSummary


def rival(name: str, by: float, error: float) -> RivalSummary:
    return RivalSummary(
        name=name,
        estimated_ms=2.0,
        score=0.3,
        final=0.4 - by,
        lead=LeadSummary(difference=by, error=error),
        validation=0.35,
        validation_lead=LeadSummary(difference=0.5 * by, error=error),
    )


def selection(*rivals: RivalSummary, origin: str = "child") -> SelectionSummary:
    return SelectionSummary(
        scored={"most probable": 1, "probable": 3, "even": 4, "child": 8},
        origin=origin,
        score=0.41,
        final=0.4,
        rivals=rivals,
    )


def contender(**known: object) -> ContenderSummary:
    return ContenderSummary.model_validate(
        {"name": "student", "role": "student", "derived_ms": 1.0, "estimated_ms": 2.0, **known}
    )


def told(**known: object) -> str:
    return SearchSummary(contenders=(contender(**known),)).describe()


def test_the_summary_says_who_won_among_what_and_by_how_much() -> None:
    text = told(selection=selection(rival("the most probable network", 0.011, 0.003)))
    assert "a child of better ones, selected among 16 networks" in text
    assert "the most probable, 3 probable, 4 drawn evenly, 8 children of the best so far" in text
    assert "mean IoU of 40.00 %" in text
    assert (
        "the most probable network: 38.90 %; the student leads by +1.10 ± 0.30 points, "
        "on validation images by +0.55 ± 0.30 points (no more than noise)" in text
    )


def test_a_rival_that_leads_by_more_than_noise_is_said_to() -> None:
    assert LeadSummary(difference=-0.011, error=0.002).describe() == (
        "-1.10 ± 0.20 points (behind it)"
    )
    assert LeadSummary(difference=-0.003, error=0.002).describe().endswith("(no more than noise)")


def test_a_student_that_is_the_most_probable_network_leads_nobody() -> None:
    own = rival("the most probable network", 0.0, 0.0)
    even = rival("the best of 4 even draws", 0.02, 0.004)
    text = told(selection=selection(own, even, origin="most probable"))
    assert "the most probable, selected among 16" in text
    assert "the most probable network:" not in text
    assert "the best of 4 even draws: 38.00 %" in text


def test_a_lead_is_seen_where_it_is_more_than_two_errors() -> None:
    assert LeadSummary(difference=0.021, error=0.01).is_seen
    assert not LeadSummary(difference=0.019, error=0.01).is_seen
    assert not LeadSummary(difference=0.0, error=0.0).is_seen


def test_summaries_of_before_say_among_how_many_draws_a_student_was_chosen() -> None:
    def drawn(*scores: float, chosen: int | None = None) -> str:
        return told(draw_mious=scores, chosen_draw=chosen)

    assert "the best of 3 candidates" in drawn(0.2, 0.31, 0.1)
    assert "the best of 3 candidates" in drawn(0.2, 0.31, 0.1, chosen=1)
    assert (
        "the best that fits the budget of 3 candidates: its subnet has a mean IoU of 20.00 %"
        in drawn(0.2, 0.31, 0.1, chosen=0)
    )
    assert "31.00 %" in drawn(0.2, 0.31, 0.1)
    assert "candidates" not in drawn(0.2)
    assert "candidates" not in drawn()


def test_a_selection_survives_its_file() -> None:
    known = contender(selection=selection(rival("the most probable network", 0.011, 0.003)))
    assert ContenderSummary.model_validate_json(known.model_dump_json()) == known
    assert known.which_candidate == "a child of better ones, of 16 candidates"


def test_scores_on_smaller_images_are_told_with_their_scale() -> None:
    half = SearchSummary(contenders=(), image_scale=0.5).describe()
    assert "scores of subnets are those of images at 0.5 times their size, labels included" in half
    assert "times their size" not in SearchSummary(contenders=()).describe()


def test_what_training_told_is_said_with_the_scores_after_it() -> None:
    other = rival("the most probable network", 0.02, 0.004).model_copy(update={"trained": 0.51})
    trained = selection(other).model_copy(update={"trained": 0.53, "networks_trained": 6})
    text = told(selection=trained)
    assert "of 6 finalists that were trained for a while it is the best that fits, with" in text
    assert "53.00 %" in text
    assert "the most probable network: 51.00 %; the student leads by +2.00 ± 0.40" in text
