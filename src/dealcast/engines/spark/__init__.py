"""Spark: a cluster, or as many cores of this machine (only pyspark)."""
