"""The script that Streamlit runs anew for every visit and every click."""

from dealcast.surfaces.dashboard.shell import show

show()
