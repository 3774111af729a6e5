"""The demo: a sample dbt project and a runner that shows the action at work on it; nothing here is packaged."""
