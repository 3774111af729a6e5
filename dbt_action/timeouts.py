"""Every time limit, pause and interval of the product in one place; each name ends in its unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTimeouts:
    """How long to wait for a connection, and for each part of an answer."""

    connect_seconds: float = 10.0
    # A trigger has been seen to take more than the five seconds that other clients wait.
    read_seconds: float = 30.0


DEFAULT_HTTP_TIMEOUTS = HttpTimeouts()

# --- Starting a run ---

# Reading the job: a wrong address should be reported soon; the trigger has a limit of its own after this one.
READ_JOB_SECONDS = 10.0
# Finding the run of an earlier attempt. If that fails for so long, nothing is started: that run may still be going.
FIND_EARLIER_RUN_SECONDS = 60.0
# Pauses before each look for the run of a trigger that got no answer. Together a minute: as long as a new run may stay
# invisible (reported for single runs, assumed for lists). Waiting a minute is cheaper than paying for a build twice.
FIND_RUN_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
# Repeating a trigger that was never accepted.
TRIGGER_SECONDS = 20.0
# Looking for a run that may have been started, after dbt Cloud has answered before.
FIND_RUN_SECONDS = 10 * 60.0
# The same while dbt Cloud has not answered once: the address is more likely to be wrong.
FIND_RUN_UNANSWERED_SECONDS = 60.0

# --- Watching a run ---

# About one run in a hundred answers 404 right after its trigger (reported), and is there soon after.
NEW_RUN_NOT_FOUND_SECONDS = 60.0
# How long dbt Cloud may be unreachable while a run is going.
OUTAGE_SECONDS = 15 * 60.0
# `poll-interval: auto`: (age of the wait, pause between two looks). Short while a broken run would fail.
AUTO_INTERVALS_SECONDS = ((20.0, 2.0), (120.0, 5.0), (600.0, 10.0))
LONGEST_INTERVAL_SECONDS = 30.0
# The pause when the run is about to end, by the job's usual duration.
NEAR_END_INTERVAL_SECONDS = 5.0
# The number of nodes is logged at most so often while it grows.
COUNT_LINE_SECONDS = 60.0
# The log gets a line at least this often, so that people see that the step is alive.
HEARTBEAT_SECONDS = 5 * 60.0
# The description of a pending commit status is renewed at most so often, and after half an hour less: a host may limit
# the number of statuses of a commit (GitHub: 1000, documented).
STATUS_RENEWAL_SECONDS = ((30 * 60.0, 60.0), (float("inf"), 5 * 60.0))
# The steps of a run that is going are read no more often: their logs may have megabytes.
STEPS_INTERVAL_SECONDS = 60.0
# How long the steps of a run that is over are asked for, when dbt Cloud does not answer.
STEPS_OF_FINISHED_RUN_SECONDS = 30.0

# --- Cancelling and ending ---

# How long a run may take to become "Cancelled" after a request outside of an interrupt.
CANCEL_SECONDS = 20.0
CANCEL_POLL_SECONDS = 0.5
# After a signal GitHub's runner kills the process within ten seconds, so everything has to fit into half of that:
# one request, and finding and cancelling the run.
INTERRUPTED_REQUEST_SECONDS = 1.0
INTERRUPTED_CANCEL_SECONDS = 2.5
# A request to GitHub that is under way when the signal comes may go on for so long.
INTERRUPTED_CALL_SECONDS = 0.5
# Results that arrive within this time are part of the first commit status after the run; later ones of a second one.
RESULTS_BEFORE_STATUS_SECONDS = 2.0
# Artifacts are uploaded after the end of a run, so a 404 is not final for this long (reported).
LATE_ARTIFACTS_SECONDS = 30.0
# Comparing with earlier runs: the list of runs, and their results, together with the usual duration.
HISTORY_SECONDS = 5.0
# The project of the run deferred to is left out when nothing of it arrives for so long.
BASE_PROJECT_SILENCE_SECONDS = 5.0
# GitHub gives a clean-up a little less than five minutes.
CLEAN_UP_REQUEST_SECONDS = 60.0
CLEAN_UP_FIND_RUN_SECONDS = sum(FIND_RUN_PAUSES_SECONDS)
CLEAN_UP_POLL_SECONDS = 2.0

# --- Repeating failed calls to dbt Cloud ---

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# Exceeding the rate limit costs a pause of five minutes (documented). A longer `Retry-After` is cut to this: nothing
# would be shown for all that time.
RATE_LIMIT_PAUSE_SECONDS = 300.0
# Enough for two such pauses: an answer of 429 proves at least that the address is dbt Cloud's.
RATE_LIMITED_SECONDS = 2 * RATE_LIMIT_PAUSE_SECONDS
# A download that stays below `http_limits.SLOWEST_BYTES_PER_SECOND` for this long is given up.
SLOW_DOWNLOAD_SECONDS = 60.0

# --- Hosts of code ---

# For connecting, and again for an answer, so a request takes at most twice this.
HOST_REQUEST_SECONDS = 5.0
HOST_RETRY_PAUSE_SECONDS = 0.5
# A list of changed files that takes longer is not waited for: then the job is run.
GATE_SECONDS = 30.0

# --- Datafold ---

# For connecting, and again for an answer.
DATAFOLD_REQUEST_SECONDS = 30.0
# One try of an upload, whose archive may have tens of megabytes.
DATAFOLD_UPLOAD_SECONDS = 300.0
# Datafold's own run of a pull request's commit: the pause between two looks, and how long it may take to appear (both
# as in Datafold's client).
DATAFOLD_POLL_SECONDS = 5.0
DATAFOLD_RUN_APPEARS_SECONDS = 60.0

# --- Programs ---

GIT_SECONDS = 5.0
