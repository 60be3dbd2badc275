"""The recipe: everything that describes a run, with its defaults.

The stages are the paper's.  What a recipe does not say is not: modes, spaces, lengths, rates and
losses are those that networks for a processor, a search and two trainings of some hours want
(decision 0028).  The paper's are said in the recipe `paper-cityscapes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from fasterseg.artifacts import Artifact
from fasterseg.config.budgets import AsFastAs, one_or_several, stated_ms
from fasterseg.config.contenders import (
    OPEN_CONTENDERS,
    USUAL_CONTENDERS,
    Budget,
    Contenders,
    ContenderSettings,
    not_offered,
    one_student_each,
)
from fasterseg.config.distilling import DistillationSettings
from fasterseg.config.learning_sections import ClassWeights, TrainingSettings
from fasterseg.config.pretraining import (
    without_passed_on,
)
from fasterseg.config.roles import SHARED, as_written, expanded
from fasterseg.config.runtimes import RUNTIMES
from fasterseg.config.search_section import SearchSettings
from fasterseg.config.sections import (
    DataSettings,
    ProfileSettings,
    TargetSettings,
    without_unlabelled,
)
from fasterseg.foreign.booleans import TrueIsNoNumber
from fasterseg.foreign.bounds import MOST_THREADS
from fasterseg.foreign.names import FileName, as_file_name, first_twice
from fasterseg.foreign.numbers import Whole
from fasterseg.space.allowed_paths import leave_something
from fasterseg.space.options import Options
from fasterseg.space.search_space import Role, SearchSpace
from fasterseg.space.width import Width
from fasterseg.tracking.names import TrackerName

Promise = Literal["p95", "median"]
"""What of a network's latency is to meet its budget."""


MOBILE_SPACE = SearchSpace(preset="mobile")
DENSE_SPACE = SearchSpace(
    layers=10,
    expansions=(2, 4, 6, 8, 10),
    stem_expansions=(3, 4, 6, 8),
    fusion_expansions=(2, 4, 6, 8),
    head_expansions=(2, 4, 6, 8),
)
"""The paper's kinds, in networks that a processor with few cores runs too."""


def usual_space(device: str, backend: str) -> SearchSpace:
    """What a recipe without a space searches, for a target."""
    on_a_gpu = device.startswith("cuda") or (backend in RUNTIMES and RUNTIMES[backend].is_for_gpus)
    return DENSE_SPACE if on_a_gpu else MOBILE_SPACE


def _space_for(known: dict[str, Any]) -> SearchSpace:
    target: TargetSettings = known["target"]
    return usual_space(target.device, target.backend)


def _contenders_for(known: dict[str, Any]) -> Contenders:
    space: SearchSpace = known["space"]
    return OPEN_CONTENDERS if space.is_tied else USUAL_CONTENDERS


class Recipe(TrueIsNoNumber, Artifact):
    """Everything that describes a run.

    Several budgets make one student each of the recipe's one (`config.budgets`), and what
    `training` says holds for search, teacher and student, unless their own section says otherwise
    (`config.roles`).  A recipe is stored as it was written, with its defaults; readers find
    students and settings expanded.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    schema_tag: ClassVar[str] = "fasterseg/recipe/2"
    earlier_tags: ClassVar[tuple[str, ...]] = ("fasterseg/recipe/1",)

    name: FileName = "fasterseg"
    """What the run is called on its page and in its files."""
    log: tuple[TrackerName, ...] = ()
    """Trackers that are told of the run: `tensorboard`, `mlflow`, `wandb`, one or several."""
    seed: Whole = 0
    """The seed of everything random; the authors have 12345."""
    threads: int = Field(0, ge=0, le=MOST_THREADS)
    """Threads that search and training compute with, 0 for all cores; the target has its own."""
    budget: Budget | tuple[Budget, ...] = "halfway"
    """What a student's latency is to meet on the target: milliseconds an image (`8ms`), images a
    second (`165fps`), a share of the way from the space's fastest network to its slowest (`40%`,
    `halfway`), or as fast as a model (`baseline:fast-scnn`, a file, a bundle; `2x:MODEL` is twice
    its time). Several, in a list or joined by commas, make a student for each."""
    promise: Promise = "p95"
    """What of a student's latency is to meet its budget: the 95th percentile, or the `median`,
    which a busy machine can tell too."""
    data: DataSettings = DataSettings()
    """Which data, and which of its splits serve what."""
    target: TargetSettings = TargetSettings()
    """What the network is to run on, and at which size."""
    space: SearchSpace = Field(default_factory=_space_for)
    """The networks that a search may return.  Left out: `mobile` on a processor, on a GPU the
    paper's kinds in networks of 10 layers; a space that names no preset is completed by the
    paper's."""
    profile: ProfileSettings = ProfileSettings()
    """How blocks and whole networks are timed for the latency table."""
    written_contenders: Contenders = Field(default_factory=_contenders_for, alias="contenders")
    """The networks being searched: a teacher, a student, or both.  Left out, one of each; where
    widths are not tied neither may skip, which searches did in more than half of the cells."""
    training: TrainingSettings = TrainingSettings()
    """What search, teacher and student share, each unless its own section says otherwise."""
    search: SearchSettings = SearchSettings()
    """Pre-training of the supernet, and the search in it."""
    teacher: TrainingSettings = TrainingSettings()
    """The teacher's training; what it does not say is as in `training`."""
    student: TrainingSettings = TrainingSettings()
    """The students' training, and a baseline's; what it does not say is as in `training`."""

    @model_validator(mode="before")
    @classmethod
    def _takes_from_training(cls, given: Any) -> Any:
        return expanded(given) if isinstance(given, Mapping) else given

    def content(self) -> dict[str, Any]:
        """The recipe as it was written, with its defaults, as a JSON value.

        Who tracks nothing has no ``log``, whose device is this machine no ``target.host``, and
        whose networks may lose what is usual no ``target.max_drop``; who distils as is usual has no
        ``training.distillation``, whose encoders begin as is usual no ``training.pretrained``, and
        without images without labels there is no key of theirs: so such a recipe has the digest
        that it always had.
        """
        content = super().content()
        if not self.log:
            del content["log"]
        if self.target.is_here:
            del content["target"]["host"]
        if self.target.max_drop == TargetSettings().max_drop:
            del content["target"]["max_drop"]
        content["data"] = without_unlabelled(content["data"])
        found = as_written({**content, "search": without_passed_on(content["search"])})
        if self.training.distillation == DistillationSettings():
            del found[SHARED]["distillation"]
        if self.training.pretrained == TrainingSettings().pretrained:
            del found[SHARED]["pretrained"]
        return found

    def untracked(self) -> Self:
        """The recipe of what is computed, whoever is told of it."""
        return self.model_copy(update={"log": ()})

    @property
    def contenders(self) -> Contenders:
        """The networks being searched: of several budgets, each has its student."""
        return one_student_each(self.written_contenders, self.budgets)

    @property
    def members(self) -> Contenders:
        """The contenders whose networks are of the space: all but baselines."""
        return tuple(one for one in self.contenders if not one.baseline)

    @model_validator(mode="after")
    def _has_contenders_that_can_be(self) -> Self:
        names = [contender.name for contender in self.written_contenders]
        if not names:
            raise ValueError("there is no contender; a search has a teacher, a student, or both")
        if (twice := first_twice(names)) is not None:
            raise ValueError(f"two contenders have one name: {' and '.join(twice)}")
        for contender in self.contenders:  # of several budgets, each is in a student's name
            as_file_name(contender.name)
        if not any(contender.is_searched for contender in self.written_contenders):
            raise ValueError("there is nothing to search: no contender has architecture: searched")
        for contender in self.members:
            for stride, offered in self.space.kinds.cells.items():
                taken = offered if contender.operators is None else contender.operators
                if stride <= self.space.coarsest and set(taken).isdisjoint(offered):
                    raise ValueError(
                        f"contender {contender.name!r} may take {', '.join(taken)}, and none of "
                        f"these is among space.kinds.cells at stride {stride}: {', '.join(offered)}"
                    )
        return self

    @model_validator(mode="after")
    def _has_one_working_size(self) -> Self:
        size, target = self.data.size, self.target
        if size is not None and (target.height or size.height, target.width or size.width) != size:
            raise ValueError(
                f"data.size is {size}, and the target's height and width are {target.size}: what "
                "is trained on would not be what is timed; leave target.height and target.width out"
            )
        return self

    @model_validator(mode="after")
    def _has_networks_that_keep_its_path_rules(self) -> Self:
        for contender in self.members:
            if not leave_something(Options.of(self.space, contender)):
                raise ValueError(
                    f"contender {contender.name!r} may take no network that keeps space.paths: "
                    f"{self.space.paths}; offer it more kinds in space.kinds.cells that are no skip"
                )
        return self

    @model_validator(mode="after")
    def _offers_what_contenders_fix(self) -> Self:
        for contender in self.written_contenders:
            for part in ("stem", "fusion", "head"):
                fixed: Width | None = getattr(contender, f"{part}_expansion")
                offered = self._offered_width(part)
                if fixed is not None and fixed not in offered:
                    raise ValueError(not_offered(contender.name, part, fixed, offered))
        return self

    @model_validator(mode="after")
    def _has_a_window_for_its_one_budget(self) -> Self:
        window, students = self.search.control.window_ms, self.students()
        if window is None or not students:
            return self
        told = " to ".join(self.search.control.window or ())
        if len(students) > 1:
            raise ValueError(
                f"search.control.window is {told}, which is a window around one budget; there are "
                f"{len(students)} students: leave it out, or search for one at a time"
            )
        budget = self.budget_of(students[0])
        budget_ms = stated_ms(budget, {})
        if budget_ms is not None and not window[0] <= budget_ms <= window[1]:
            raise ValueError(
                f"search.control.window is {told}, and the budget of {students[0].name}, {budget}, "
                "lies outside of it"
            )
        return self

    def _offered_width(self, part: str) -> tuple[Width, ...]:
        """The options of the one width of stem, fusion or head; none where it is another's."""
        widths, space = self.space.widths, self.space
        stem = () if space.is_tied else widths.stem[0]
        head = () if space.is_summed else widths.head
        return {"stem": stem, "fusion": widths.fusion, "head": head}[part]

    @field_validator("log", mode="before")
    @classmethod
    def _one_tracker_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("budget", mode="before")
    @classmethod
    def _one_budget_or_several(cls, value: Any) -> Any:
        return one_or_several(value)

    @property
    def budgets(self) -> tuple[str, ...]:
        """The budget, or the several."""
        return (self.budget,) if isinstance(self.budget, str) else self.budget

    def students(self) -> Contenders:
        """The contenders that must meet a budget."""
        return tuple(c for c in self.contenders if c.role == "student")

    def training_of(self, role: Role) -> TrainingSettings:
        """How the networks of a role are trained."""
        return self.teacher if role == "teacher" else self.student

    def learnt_by(self, role: Role) -> tuple[str, ...]:
        """The splits whose images a role's weights learn from, those of the supernet included."""
        begun = self.training_of(role).start == "supernet"
        return (self.data.trained_on, *([self.data.train_split] if begun else []))

    @property
    def keeps_supernet(self) -> bool:
        """Whether some training of its networks begins with the supernet's weights."""
        roles = {one.role for one in self.members}
        return any(self.training_of(role).start == "supernet" for role in roles)

    @property
    def search_class_weights(self) -> ClassWeights:
        """What each class counts in the search's loss."""
        wanted = self.search.class_weights
        return self.student.class_weights if wanted == "student" else wanted

    def budget_of(self, contender: ContenderSettings) -> str:
        """A student's own budget, or else the recipe's one."""
        if contender.budget is not None:
            return contender.budget
        (budget,) = self.budgets  # several have been given to a student each
        return budget

    @property
    def models_to_match(self) -> tuple[str, ...]:
        """The models that students' budgets name, each once, in their order."""
        named = (AsFastAs.of(self.budget_of(student)) for student in self.students())
        return tuple(dict.fromkeys(one.model for one in named if one is not None))
