"""The command line of `ampnet prepare`."""

from pathlib import Path
from typing import Annotated

import typer

from ampnet.settings import CropMode, DataForm, DetectorConfig, FacePolicy, LayoutName, NoFacePolicy, PrepareConfig
from pipelines.commands.one_line_errors import TO_RESUME, user_errors
from pipelines.commands.options import (
    Actors,
    AsJson,
    Debug,
    Detector,
    DetectorWeights,
    EngineName,
    FacesPerShard,
    LoadingThreads,
    OneGpu,
    Quiet,
    ScoreThreshold,
    face_option,
    input_option,
    output_option,
    pick,
)
from pipelines.commands.stdout import print_json, tell


def prepare(
    raw_dir: Annotated[
        Path, typer.Argument(help="The data set as its owners distribute it: folder or CSV.", exists=True)
    ],
    layout: Annotated[LayoutName, input_option(help="Layout of the data set; auto detects it.")] = PrepareConfig.layout,
    fold: Annotated[
        int, input_option(min=0, max=9, help="Test fold (0-9) for data sets split by subject.")
    ] = PrepareConfig.fold,
    votes: Annotated[
        Path | None,
        input_option(
            help="Annotators' votes: fer2013new.csv for FER-2013, or a CSV with name and one column per class.",
            exists=True,
            dir_okay=False,
        ),
    ] = PrepareConfig.votes,
    crop: Annotated[
        CropMode, face_option(help="none keeps whole images; face cuts out and aligns each face.")
    ] = PrepareConfig.crop,
    face: Annotated[FacePolicy, face_option(help="Which face to keep if an image has several.")] = PrepareConfig.face,
    no_face: Annotated[
        NoFacePolicy | None,
        face_option(
            help="Without a face: use the set's mean landmarks, or drop the image.",
            show_default="template for whole images, drop for faces",
        ),
    ] = PrepareConfig.no_face,
    detector: Detector = DetectorConfig.name,
    weights: DetectorWeights = DetectorConfig.weights,
    score_threshold: ScoreThreshold = DetectorConfig.score_threshold,
    min_face: Annotated[float, face_option(min=0, help="Minimum face size in pixels.")] = DetectorConfig.min_face,
    out: Annotated[
        Path, output_option(help="Folder that receives index/ and dataset/.", file_okay=False)
    ] = PrepareConfig.out,
    form: Annotated[
        DataForm, output_option(help="files: one for each face; shards: parquet and tar, for sets of many millions.")
    ] = PrepareConfig.form,
    faces_per_shard: FacesPerShard = PrepareConfig.faces_per_shard,
    check: Annotated[
        bool, output_option("--check/--no-check", help="Look for duplicates and leaks at the end.")
    ] = PrepareConfig.check,
    resume: Annotated[bool, output_option("--resume", help="Resume an interrupted run.")] = False,
    force: Annotated[bool, output_option("--force", help="Replace an earlier index and its images.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
    gpus: OneGpu = PrepareConfig.gpus,
    workers: LoadingThreads = PrepareConfig.workers,
    engine: EngineName = PrepareConfig.engine,
    actors: Actors = PrepareConfig.actors,
) -> None:
    """Find the face in every image of a data set and write the index that training reads.

    \bExamples:
      $ ampnet prepare raw_images
      $ ampnet prepare CK+ --fold 3 --crop face --out ckplus
      $ ampnet prepare fer2013 --votes fer2013new.csv
    """
    with user_errors(debug, TO_RESUME):
        from pipelines.prepare import run  # loads torch; kept out of `ampnet --help`
        from pipelines.show import show
        from pipelines.show_data import prepare_lines

        finder = DetectorConfig(name=detector, **pick(DetectorConfig, locals()))
        result = run(PrepareConfig(**pick(PrepareConfig, locals()) | {"detector": finder}), quiet)
        if as_json:
            print_json(result.to_dict())
        else:
            show(prepare_lines(result))
            tell(f"next: ampnet train --data {out}")
