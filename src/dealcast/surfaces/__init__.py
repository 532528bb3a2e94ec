"""What people look at: charts and the report of a run. Reads what runs kept, changes nothing."""
