"""Settings of the commands, one module for each family.

A field states its type, default, range and sentence once; :mod:`ampnet.settings.fields` says how. The command line, its
help, files of settings and docs/options.md are made from the fields.
"""

from ampnet.settings.choices import (
    MODULES,
    DataForm,
    ExportFormat,
    ExportPixels,
    ExportPrecision,
    FacePolicy,
    Freeze,
    LayoutName,
    Module,
    NoFacePolicy,
    Placement,
    Precision,
    Runtime,
    SelectionSplit,
    Split,
    UsePrecision,
    Variant,
)
from ampnet.settings.datasets import FACES_PER_SHARD, CheckConfig, ConvertConfig, PrepareConfig
from ampnet.settings.evaluation import (
    AdaptConfig,
    AuditConfig,
    CalibrateConfig,
    CompareConfig,
    EvalConfig,
    RobustnessConfig,
)
from ampnet.settings.exchange import ExportConfig, ExportReferenceConfig, ImportConfig
from ampnet.settings.fields import config_to_dict
from ampnet.settings.prediction import PredictConfig, ServeConfig
from ampnet.settings.shared import (
    IMAGE_SIZE,
    MAX_FACES_PER_SHARD,
    MAX_OUTPUTS,
    VARIANTS,
    ArchitectureConfig,
    DetectorConfig,
)
from ampnet.settings.training import MAX_FOLDS, MAX_SEED, TrainConfig
