"""A CRM export with known true probabilities: for the demo, the tests and the benchmarks."""

from dealcast.sources.sample.truth import truth_dates, truth_table
from dealcast.sources.sample.world import Outcomes, World
from dealcast.sources.sample.writing import (
    LARGEST_CSV,
    SampleSource,
    dimension_tables,
    sales_pipeline,
    write_sample,
)

__all__ = [
    "LARGEST_CSV",
    "Outcomes",
    "SampleSource",
    "World",
    "dimension_tables",
    "sales_pipeline",
    "truth_dates",
    "truth_table",
    "write_sample",
]
