"""Settings of the commands, in one module per family. Every default is defined here; the command line reads it here."""

from ampnet.config.architecture import IMAGE_SIZE, MAX_IMAGE_SIZE, MAX_OUTPUTS, MAX_WIDTH, VARIANTS, ArchitectureConfig
from ampnet.config.choices import (
    MODULES,
    CropMode,
    DataForm,
    DetectorName,
    Engine,
    ExportFormat,
    ExportPrecision,
    FacePolicy,
    Freeze,
    LayoutName,
    Module,
    NoFacePolicy,
    Precision,
    Runtime,
    SelectionSplit,
    Split,
    UsePrecision,
    Variant,
    read_modules,
)
from ampnet.config.datasets import (
    FACES_PER_SHARD,
    MAX_FACES_PER_SHARD,
    CheckConfig,
    ConvertConfig,
    PrepareConfig,
)
from ampnet.config.detector import DetectorConfig
from ampnet.config.evaluation import MAX_CONTENDERS, CalibrateConfig, CompareConfig, EvalConfig, RobustnessConfig
from ampnet.config.exchange import ExportConfig, ExportReferenceConfig, ImportConfig
from ampnet.config.prediction import PredictConfig, ServeConfig
from ampnet.config.serialisation import config_to_dict
from ampnet.config.training import MAX_SEED, TrainConfig

__all__ = [
    "FACES_PER_SHARD",
    "IMAGE_SIZE",
    "MAX_CONTENDERS",
    "MAX_FACES_PER_SHARD",
    "MAX_IMAGE_SIZE",
    "MAX_OUTPUTS",
    "MAX_SEED",
    "MAX_WIDTH",
    "MODULES",
    "VARIANTS",
    "ArchitectureConfig",
    "CalibrateConfig",
    "CheckConfig",
    "CompareConfig",
    "ConvertConfig",
    "CropMode",
    "DataForm",
    "DetectorConfig",
    "DetectorName",
    "Engine",
    "EvalConfig",
    "ExportConfig",
    "ExportFormat",
    "ExportPrecision",
    "ExportReferenceConfig",
    "FacePolicy",
    "Freeze",
    "ImportConfig",
    "LayoutName",
    "Module",
    "NoFacePolicy",
    "Precision",
    "PredictConfig",
    "PrepareConfig",
    "RobustnessConfig",
    "Runtime",
    "SelectionSplit",
    "ServeConfig",
    "Split",
    "TrainConfig",
    "UsePrecision",
    "Variant",
    "config_to_dict",
    "read_modules",
]
