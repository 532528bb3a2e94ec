"""The steps on a cluster: rows stay in it, only counts, figures and reports come here."""
