"""Win probabilities and a revenue forecast that can be trusted, from a CRM opportunity export."""
