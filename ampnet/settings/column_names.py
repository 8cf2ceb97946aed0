"""Names that people and programs give to the columns of tables about images, as :func:`ampnet.files.tables.plain`."""

PATHS = (
    *("path", "filepath", "file_path", "image_path", "img_path", "imagepath", "relative_path", "full_path", "pth"),
    *("subdirectory_filepath", "filename", "file_name", "image_name", "img_name", "image_file", "file", "image", "img"),
    *("imagename", "image_id", "picture", "photo", "name", "fname", "url"),
)
LABELS = (
    *("label", "labels", "class", "class_name", "emotion", "emotions", "expression", "category", "target"),
    *("label_name", "emotion_label", "facial_expression", "emotion_name", "annotation", "classname", "y"),
)
SPLITS = ("split", "usage", "subset", "set", "partition", "phase", "data_split", "dataset_split")
SUBJECTS = (
    *("subject", "subject_id", "person", "person_id", "identity", "participant", "participant_id", "actor"),
    *("actor_id", "user", "user_id", "subjectid", "personid", "individual"),
)
ANSWERS = ("predicted", "prediction", "predicted_label", "predicted_class", "pred", "y_pred", "answer", *LABELS)
"""Of what a program predicted."""
