"""Parametric model of the ECMS box: parts, placement, checks, exports, drawings and pictures. Lengths in mm."""

VERSION = "1.0"
