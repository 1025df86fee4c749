"""s6_train: the net, the optimiser, the ranks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from lstmrec.config.base import Section


class ModelConfig(Section):
    """The net: item tower, user tower, history term."""

    dim: int = Field(128, ge=1, description="width of item and user vectors")
    units: int = Field(256, ge=1, description="LSTM units a layer")
    layers: int = Field(1, ge=1, le=3, description="LSTM layers, residual between them")
    ffn: int = Field(0, ge=0, description="width factor of the feed-forward after each layer; 0: none")
    attention: bool = Field(False, description="one head over the hidden states, after the last layer")
    cosine: bool = Field(False, description="scores are cosines over a learned temperature, not dot products")
    inputs: list[Literal["id", "tags", "text", "numeric", "vectors"]] = Field(
        ["id"], min_length=1, description="item tower inputs; vectors: all of clean.items.vectors"
    )
    use_static: bool = Field(False, description="demographics set the LSTM's first state")
    use_profile: bool = Field(False, description="behaviour aggregates enter at the head")
    use_time: bool = Field(False, description="log time gap, hour and weekday are inputs (needs a clock)")
    use_types: bool = Field(False, description="event type is an input")
    input_dropout: float = Field(0.2, ge=0, lt=1, description="locked dropout on inputs: one mask a sequence")
    hidden_dropout: float = Field(0.3, ge=0, lt=1, description="locked dropout on hidden states")
    item_dropout: float = Field(0.0, ge=0, lt=1, description="share of input positions replaced by unknown")
    id_dropout: float = Field(0.0, ge=0, lt=1, description="share of items whose id is unknown for a step, so that "
                              "content alone places them")  # fmt: skip
    cold_bias: Literal["rare", "content"] = Field("rare", description="how popular an item without a train event is "
                "taken to be: as the rarest of all (it had its chance), or as what is like it (it is new)")  # fmt: skip

    @model_validator(mode="after")
    def _learnt(self) -> ModelConfig:
        if self.cold_bias == "content" and (set(self.inputs) == {"id"} or not self.id_dropout):
            raise ValueError("cold_bias: content is learnt from items whose id is dropped: it wants id_dropout > 0 and "
                             "an input besides id")  # fmt: skip
        return self


class TeacherConfig(Section):
    """Distillation: trained nets teach this one beside the labels (Hinton et al. 2015; Tang and Wang 2018)."""

    bundles: list[str] = Field([], description="who teaches, together: ROOT, that root's newest bundle of this flow; "
                               "ROOT#VERSION; or a folder that holds model.json and weights.safetensors. All over this "
                               "run's catalogue. None: labels alone")  # fmt: skip
    weight: float = Field(0.5, ge=0, lt=1, description="share of the loss that is the teachers', the rest the labels'")
    temperature: float = Field(1.0, gt=0, description="scores of both sides are divided by it: above 1, what comes "
                               "lower in the list counts for more")  # fmt: skip
    top: int = Field(100, ge=0, description="items of the teachers' list at each place; 0: all")
    steps: int | None = Field(None, ge=0, description="they teach for so many steps at most; filled in by flow refit; "
                              "null: until validation finds the net no worse than they are")  # fmt: skip

    def asked(self) -> dict[str, Any]:
        """What a refit has to be taught like: all but who teaches, and for how long. Empty without teachers."""
        kept = self.model_dump(mode="json", exclude={"bundles", "steps"})
        return kept | {"teachers": len(self.bundles)} if self.bundles else {}


class TrainConfig(Section):
    """The loop and where it runs."""

    model: ModelConfig = Field(ModelConfig(), description="the net")
    launch: Literal["solo", "horovodrun", "on_spark"] = Field("horovodrun", description="who starts the ranks")
    ranks: int = Field(2, ge=1, description="processes (horovodrun, on_spark)")
    hosts: str | None = Field(None, description="horovodrun -H, e.g. a:4,b:4; null: this machine")
    network: str | None = Field(None, description="network interface for Gloo; null: chosen by Horovod, lo when local")
    comm: Literal["horovod", "torch"] = Field("horovod", description="who adds the gradients up; solo needs neither")
    reader: Literal["petastorm", "arrow"] = Field("petastorm", description="who streams the files")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    threads: int = Field(0, ge=0, description="torch threads a rank; 0: cores / ranks on this machine")
    pin: bool = Field(True, description="ranks of a machine keep to their own part of its cores")
    shards: int = Field(8, ge=1, description="virtual shards: the global batch is the same for every number of ranks "
                        "that divides this")  # fmt: skip
    batch: int = Field(32, ge=1, description="sequences a step over all ranks; a multiple of shards")
    epochs: int = Field(40, ge=1, description="at most")
    steps: int | None = Field(None, ge=1, description="stop after so many steps, at the rates of `epochs` epochs; "
                              "filled in by flow refit; null: by epochs")  # fmt: skip
    patience: int = Field(5, ge=1, description="epochs without a better validation NDCG@10 before it stops")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: on a GPU that has bf16 the net "
                "by autocast, the loss's products on CPUs too; bf16: the same, or an error")  # fmt: skip
    learning_rate: float = Field(2e-3, gt=0, description="AdamW's highest rate")
    base_batch: int | None = Field(None, ge=1, description="the batch that learning_rate was found for: another batch "
                                   "scales the rate by scale_rate; null: never scaled")  # fmt: skip
    scale_rate: Literal["linear", "sqrt"] = Field("linear", description="by batch / base_batch, or its square root")
    warmup_steps: int = Field(500, ge=0, description="linear from 0")
    schedule_epochs: int | None = Field(None, description="length of the cosine; null: epochs")
    final_rate: float = Field(0.05, ge=0, le=1, description="share of the learning rate at the cosine's end")
    betas: tuple[float, float] = Field((0.9, 0.98), description="AdamW")
    weight_decay: float = Field(1e-2, ge=0, description="on matrices only")
    clip: float = Field(1.0, gt=0, description="global gradient norm")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the averaged weights that validate and serve; 0: none")
    skip_nonfinite: int = Field(0, ge=0, description="steps of a run whose loss or gradient may be no finite number: "
                                "left out, with a warning; one more is an error")  # fmt: skip
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the label spread over all items")
    loss: Literal["softmax", "sampled", "sce", "gbce"] = Field("softmax", description="exact in chunks; or against "
                "shared negatives: with logQ, scaled cross-entropy, generalised binary cross-entropy")  # fmt: skip
    negatives: int = Field(4096, ge=1, description="sampled, sce, gbce: shared negatives a step")
    scale: float | None = Field(None, gt=0, description="sce: factor of the negatives; null: items / negatives")
    calibration: float = Field(0.75, ge=0, le=1, description="gbce: 0 is plain binary cross-entropy, 1 as if all items "
                               "were negatives")  # fmt: skip
    teacher: TeacherConfig = Field(TeacherConfig(), description="distillation; wants loss softmax")
    init_from: str | None = Field(None, description="begin with the weights of an earlier bundle whose items "
                "normalise.grow_from has grown: ROOT (its newest bundle over these items), ROOT#VERSION, or a folder "
                "of model.json and weights.safetensors. null: at random")  # fmt: skip
    sparse_rows: Literal["auto", "on", "off"] = Field("auto", description="only item rows that a step reads travel "
                "and learn, others are caught up later; auto: sampled loss over a large catalogue")  # fmt: skip
    chunk: int = Field(2048, ge=1, description="positions a chunk of the exact softmax, at most")
    label_positions: int = Field(0, ge=0, description="next_days, next_basket: labelled positions sampled a sequence "
                                 "and epoch; 0: all")  # fmt: skip
    position_power: float = Field(0.0, ge=0, le=1, description="a position of m labels weighs m ** this: 0: all "
                                  "positions alike, 1: all labels alike (next_days, next_basket)")  # fmt: skip
    recency_days: float | None = Field(None, gt=0, description="half-life by which older places are labelled more "
                                       "seldom, counted to the train cut (needs a clock); null: none")  # fmt: skip
    new_users: float = Field(0.0, ge=0, lt=1, description="share of the sequences of a step that are read as if their "
                             "users had just come, from a place drawn like labels on: users of few events are learnt "
                             "from these")  # fmt: skip
    validation_users: int = Field(0, ge=0, description="users that validate, by hash; 0: all")
    checkpoint_steps: int = Field(500, ge=1, description="steps between checkpoints; also at each epoch's end")
    keep_checkpoints: int = Field(2, ge=1, description="newest ones kept")
    stall_s: float = Field(300.0, gt=0, description="a rank that hears nothing for so long ends the job")
    max_restarts: int = Field(2, ge=0, description="times the ranks are started again, from the newest checkpoint, "
                              "after one has died; not solo")  # fmt: skip
    cache_mb: int = Field(20_000, ge=1, description="local disk for files of a remote root, of all ranks of a machine "
                          "together; in LSTMREC_CACHE, or a temporary folder")  # fmt: skip
    log_steps: int = Field(50, ge=1, description="steps between lines of the log, besides one an epoch")
    tensorboard: bool = Field(False, description="TensorBoard events below ROOT/_tensorboard (extra tensorboard)")
    mlflow: str | None = Field(None, description="MLflow tracking URI that gets parameters and metrics (extra mlflow)")

    @model_validator(mode="after")
    def _taught(self) -> TrainConfig:
        if self.teacher.bundles and self.loss != "softmax":
            raise ValueError(f"teacher: its list is of the whole catalogue: loss softmax, not {self.loss}")
        return self
