"""The dashboard: what a store holds, page by page, in the browser (only streamlit)."""
