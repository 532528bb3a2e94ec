"""The steps as a Prefect flow: in this process, or on a schedule by a worker."""
