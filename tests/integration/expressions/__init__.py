"""Random expressions over odd rows, evaluated by Spark and by the transform."""
