"""Files of an export as text frames in our names and notation: the same for every source."""

from dealcast.sources.reading.export import ReadingOptions, read_export
from dealcast.sources.reading.mapping import CrmMapping, load_mapping

__all__ = ["CrmMapping", "ReadingOptions", "load_mapping", "read_export"]
