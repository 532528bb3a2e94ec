"""How good is this export?"""
