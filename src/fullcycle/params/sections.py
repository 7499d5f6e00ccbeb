"""Candidates in ``params.yaml``: one strict section for each kind, and the tasks that it can be used for."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Task = Literal["binary", "multiclass", "regression", "clustering"]
SUPERVISED = ("binary", "multiclass", "regression")
CLASSES = ("binary", "multiclass")

Share = Annotated[float, Field(ge=0, le=1)]
Open = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


def _plain(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
        raise ValueError(
            "a name is made of letters (a to z, A to Z), digits, _ and -, and does not begin with -"
        )
    return name


# What the user names becomes part of a stage's name, of a path and of a dotted key.
Name = Annotated[str, AfterValidator(_plain)]


class Section(BaseModel):
    """A frozen section that knows its keys and takes no others, and converts no types silently."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Numbers(Section):
    """What is done to a candidate's numbers, in this order."""

    # Fill gaps with the training rows' median or mean.
    impute: Literal["median", "mean"] = "median"
    # A column of 0 and 1 beside each number that has gaps in the training rows.
    indicators: bool = True
    # Pull values to the quantiles `clip` and 1 - `clip` of the training rows; null: as they are.
    clip: Annotated[float, Field(gt=0, lt=0.5)] | None = 0.001
    scale: Literal["none", "standard", "robust", "range"] = "standard"


class Categories(Section):
    """What is done to a candidate's categories."""

    # target: the label's mean among the rows of a category, cross-fitted (Micci-Barreca, 2001).
    encode: Literal["one_hot", "ordinal", "target"] = "one_hot"
    # Categories with fewer training rows count as one, and so do those never seen.
    min_rows: Count = 50


class Prepare(Section):
    """Preprocessing of a candidate that is not content with its kind's own."""

    numbers: Numbers = Numbers()
    categories: Categories = Categories()


class EarlyStopping(Section):
    """How the number of rounds is found on the latest training rows, which no reported score uses."""

    # Share of the training rows, by time; the candidate is then fitted on all with the rounds found.
    share: Open
    # Rounds without improvement before it stops.
    patience: Count


class Calibration(Section):
    """How probabilities are mapped to frequencies, on the latest training rows, kept from fitting."""

    share: Open
    # sigmoid: two parameters (Platt, 1999); isotonic: any rising curve (Zadrozny & Elkan, 2002).
    method: Literal["sigmoid", "isotonic"]


class Screening(Section):
    """Features chosen on the training rows; metrics/selection.json says why each of them stayed or went."""

    by: Literal["l1", "chi2", "mutual_information", "permutation"]
    # Features that stay, at most.
    keep: Count
    # Rows of a resample at most: bounds the time.
    rows: Count = 5000
    # How often the score is computed on other rows.
    resamples: Count = 5
    # The latest share of the training rows, on which the cost of leaving a feature out is measured.
    share: Open = 0.2
    seed: Seed = 1


class Champion(Section):
    """An earlier LightGBM model to continue; its checksum makes the result repeat."""

    # A folder with pipeline.skops and manifest.json, as `dvc get` brings it.
    folder: Annotated[str, Field(min_length=1)]
    # SHA-256 of its pipeline.skops.
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Kind(Section):
    """A kind of candidate. What it has a default for may be left out; None switches it off."""

    tasks: ClassVar[tuple[str, ...]] = SUPERVISED


Weights = Literal["balanced"] | None


class Baseline(Kind):
    """The trivial answer: the training rows' shares, their mean, or a cut along the widest direction."""

    tasks = (*SUPERVISED, "clustering")

    kind: Literal["baseline"]


class LastValue(Kind):
    """The last value known, which a feature holds; where it is missing, the mean of the others."""

    tasks = ("regression",)

    kind: Literal["last_value"]
    column: str


class Logistic(Kind):
    """Logistic regression on imputed, splined and one-hot encoded features."""

    tasks = CLASSES

    kind: Literal["logistic"]
    c: Positive
    max_iter: Count
    knots: Annotated[int, Field(ge=2, le=50)]
    min_category_rows: Count
    screening: Screening | None = None
    prepare: Prepare | None = None
    class_weight: Weights = None
    calibration: Calibration | None = None


class Ridge(Kind):
    """Linear regression with a squared penalty."""

    tasks = ("regression",)

    kind: Literal["ridge"]
    alpha: Positive
    screening: Screening | None = None
    prepare: Prepare = Prepare()


class Lasso(Kind):
    """Linear regression with an absolute penalty, which leaves features out."""

    tasks = ("regression",)

    kind: Literal["lasso"]
    alpha: Positive
    max_iter: Count = 10000
    screening: Screening | None = None
    prepare: Prepare = Prepare()


class Boosting(Kind):
    """Boosted trees on histograms, scikit-learn's."""

    kind: Literal["boosting"]
    rounds: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    max_leaves: Annotated[int, Field(ge=2)]
    min_leaf_rows: Count
    l2: Annotated[float, Field(ge=0)]
    min_category_rows: Count
    seed: Seed
    screening: Screening | None = None
    prepare: Prepare | None = None
    class_weight: Weights = None
    early_stopping: EarlyStopping | None = None
    calibration: Calibration | None = None


class Forest(Kind):
    """Averaged trees, each on rows and features drawn at random (Breiman, 2001)."""

    kind: Literal["forest"]
    trees: Count
    min_leaf_rows: Count
    feature_share: Annotated[float, Field(gt=0, le=1)]
    seed: Seed
    screening: Screening | None = None
    prepare: Prepare = Prepare()
    class_weight: Weights = None
    calibration: Calibration | None = None


class LightGBM(Kind):
    """Boosted trees."""

    kind: Literal["lightgbm"]
    rounds: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    num_leaves: Annotated[int, Field(ge=2, le=131072)]
    min_leaf_rows: Count
    row_share: Annotated[float, Field(gt=0, le=1)]
    feature_share: Annotated[float, Field(gt=0, le=1)]
    l2: Annotated[float, Field(ge=0)]
    min_category_rows: Count
    seed: Seed
    # What a positive row weighs (binary only); class_weight balanced: all classes weigh the same together.
    scale_pos_weight: Positive | None = None
    class_weight: Weights = None
    # Regression: predict this quantile instead of the mean.
    quantile: Open | None = None
    screening: Screening | None = None
    prepare: Prepare | None = None
    early_stopping: EarlyStopping | None = None
    calibration: Calibration | None = None
    init_from_champion: Champion | None = None

    @model_validator(mode="after")
    def _one_way(self) -> LightGBM:
        if self.scale_pos_weight is not None and self.class_weight is not None:
            raise ValueError("scale_pos_weight and class_weight do the same; set one of them")
        if self.init_from_champion is not None and (self.early_stopping or self.calibration or self.prepare):
            raise ValueError(
                "init_from_champion keeps the champion's preprocessing and adds `rounds` to it;"
                " early_stopping, calibration and prepare need a model trained anew"
            )
        return self


class MLP(Kind):
    """A neural network of dense layers."""

    kind: Literal["mlp"]
    layers: Annotated[list[Count], Field(min_length=1, max_length=5)]
    # L2 penalty on the weights.
    alpha: Annotated[float, Field(ge=0)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    epochs: Count
    batch_rows: Count
    seed: Seed
    screening: Screening | None = None
    prepare: Prepare = Prepare()
    calibration: Calibration | None = None


class KMeans(Kind):
    """Clusters around means."""

    tasks = ("clustering",)

    kind: Literal["kmeans"]
    clusters: Annotated[int, Field(ge=2, le=1000)]
    # Starts from other seeds, of which the best is kept.
    starts: Count = 10
    seed: Seed
    prepare: Prepare = Prepare()


class Mixture(Kind):
    """Clusters as Gaussian distributions that overlap."""

    tasks = ("clustering",)

    kind: Literal["mixture"]
    clusters: Annotated[int, Field(ge=2, le=1000)]
    covariance: Literal["full", "tied", "diag", "spherical"] = "full"
    starts: Count = 5
    seed: Seed
    prepare: Prepare = Prepare()


Candidate = Annotated[
    Baseline | LastValue | Logistic | Ridge | Lasso | Boosting | Forest | LightGBM | MLP | KMeans | Mixture,
    Field(discriminator="kind"),
]
KINDS: tuple[type[Kind], ...] = get_args(get_args(Candidate)[0])

MEANINGFUL_FOR = {
    "scale_pos_weight": ("binary",),
    "class_weight": CLASSES,
    "calibration": CLASSES,
    "quantile": ("regression",),
}


def kind_of(section: type[Kind]) -> str:
    """The value of ``kind`` that names a section."""
    kind: str = get_args(section.model_fields["kind"].annotation)[0]
    return kind


def misfits(name: str, candidate: Candidate, task: str) -> list[str]:
    """Why a candidate cannot be used for a task: a sentence for each reason, none where it can."""
    if task not in candidate.tasks:
        fitting = [kind_of(section) for section in KINDS if task in section.tasks]
        own = f"kind {candidate.kind} is for {', '.join(candidate.tasks)}, not for problem.task = {task}"
        return [f"train.{name}: {own}; for that there are {', '.join(fitting)}"]
    return [
        f"train.{name}.{key}: it has a meaning for {', '.join(allowed)} alone, not for problem.task = {task}"
        for key, allowed in MEANINGFUL_FOR.items()
        if task not in allowed and getattr(candidate, key, None) is not None
    ]
