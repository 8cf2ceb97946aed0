"""A data set as parquet and tar: written, read, streamed."""
