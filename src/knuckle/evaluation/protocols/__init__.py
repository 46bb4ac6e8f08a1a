"""How each benchmark is scored, a file each. Every protocol is a function from truth and predictions to a
Report.
"""
