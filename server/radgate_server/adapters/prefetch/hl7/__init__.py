"""Orders and appointments by HL7 v2 over MLLP."""
