"""Pictures of job summaries, for docs/img; the command is `docs.summary_preview`."""
