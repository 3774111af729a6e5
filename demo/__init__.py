"""The demo: a sample dbt project, and the action that runs it in an emulated dbt Cloud. Not part of the package."""
