"""One page a file: the widgets, and the blocks that they choose.

Not named `pages`: a folder of that name beside its script Streamlit takes for pages of its own, and
shows them, blank, to whoever comes first, by a link to one.
"""
