"""Errors as numbers: functions of arrays, which know no benchmark."""
