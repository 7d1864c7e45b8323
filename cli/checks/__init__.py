"""The live checks that policies/controls.py names, one file an area, one function a control.

A check is a function from `Probe` to `Verdict`. Each attempt at what must fail is made on a record that the checklist
itself posted, or asks for the state that already is: where one succeeds against all expectation, nothing of the user's
is touched, and the line says what happened.
"""
