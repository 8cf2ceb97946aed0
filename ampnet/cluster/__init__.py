"""`--engine ray`: parts of the input, actors, parquet files."""
