"""PostgreSQL, SeaweedFS, MLflow and Prefect as processes of this machine, on loopback."""
