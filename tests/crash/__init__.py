"""The crash campaign: kill the server at random instants under load, and count.

    python -m tests.crash --kills 50 --seed 7

Publishers and the receiver live in this process, survive every kill, and keep their own books: what
was acknowledged and what arrived. At the end the books are compared.
"""
