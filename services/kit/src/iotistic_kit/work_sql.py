"""The statements of the work queue; each one on a held job checks its fencing number."""

from psycopg.sql import SQL

_VIEW = SQL("""
    SELECT id::text AS id, kind, key, payload, status, attempt, failures, losses, fence, worker,
           cancel_requested, progress, result, error, due_at, created_at, started_at, finished_at
      FROM work""")

ENQUEUE = SQL("""
    WITH made AS (
        INSERT INTO work (kind, key, payload, due_at)
        VALUES (%(kind)s, %(key)s, %(payload)s, now() + %(after)s)
        RETURNING id, kind)
    SELECT id FROM made, LATERAL (SELECT pg_notify('work_ready', made.kind)) AS told""")

# A lease has ended, and the job is to go to nobody else: it was canceled, or it kills workers.
BURY = SQL("""
    UPDATE work
       SET status = CASE WHEN cancel_requested THEN 'canceled' ELSE 'failed' END,
           error = CASE WHEN cancel_requested THEN error
                        ELSE 'given up: ' || (losses + 1) || ' workers were lost over it' END,
           losses = losses + 1, lease_until = NULL, worker = NULL, finished_at = now()
     WHERE id IN (
        SELECT id FROM work
         WHERE status = 'running' AND lease_until < now() AND kind = ANY(%(kinds)s)
           AND (cancel_requested OR losses + 1 >= %(losses)s)
         FOR UPDATE SKIP LOCKED)""")

CLAIM = SQL("""
    WITH next AS (
        SELECT id, key, status FROM work AS w
         WHERE kind = ANY(%(kinds)s)
           AND (status = 'running' AND lease_until < now()
                OR status = 'queued' AND due_at <= now()
                   AND NOT EXISTS (SELECT FROM work AS other
                                    WHERE other.key = w.key AND other.status = 'running'))
         ORDER BY status = 'running' DESC, due_at, number
         LIMIT 1
         FOR UPDATE SKIP LOCKED),
    fenced AS (
        INSERT INTO work_fences (key, fence) SELECT key, 1 FROM next
        ON CONFLICT (key) DO UPDATE SET fence = work_fences.fence + 1
        RETURNING fence)
    UPDATE work
       SET status = 'running', worker = %(worker)s, lease_until = now() + %(lease)s,
           attempt = attempt + 1, started_at = now(), fence = fenced.fence,
           losses = losses + (next.status = 'running')::int
      FROM next, fenced
     WHERE work.id = next.id
    RETURNING work.id::text AS id, work.kind, work.key, work.payload, work.attempt, work.fence""")

_HELD = SQL("id = %(id)s AND fence = %(fence)s AND status = 'running'")

# A lease that has ended but was taken by nobody may be renewed: nobody else has begun.
HEARTBEAT = SQL("""
    UPDATE work SET lease_until = now() + %(lease)s WHERE {}
    RETURNING cancel_requested""").format(_HELD)

REQUIRE = SQL("SELECT true FROM work WHERE {} FOR SHARE").format(_HELD)

# The key is free again: another job of it may be claimed.
_TELL = SQL("LATERAL (SELECT pg_notify('work_ready', done.kind)) AS told")

FINISH = SQL("""
    WITH done AS (
        UPDATE work SET status = 'succeeded', result = %(result)s, error = NULL,
                        lease_until = NULL, finished_at = now()
         WHERE {} RETURNING kind)
    SELECT true FROM done, {}""").format(_HELD, _TELL)

FINISH_CANCELED = SQL("""
    WITH done AS (
        UPDATE work SET status = 'canceled', lease_until = NULL, finished_at = now()
         WHERE {} RETURNING kind)
    SELECT true FROM done, {}""").format(_HELD, _TELL)

FAIL = SQL("""
    WITH tried AS (
        SELECT id, cancel_requested AS canceled,
               (%(pauses)s::interval[])[failures + 1] AS pause
          FROM work WHERE {} FOR UPDATE),
    done AS (
        UPDATE work
           SET status = CASE WHEN canceled THEN 'canceled'
                             WHEN pause IS NULL THEN 'failed' ELSE 'queued' END,
               due_at = now() + coalesce(pause, '0'),
               finished_at = CASE WHEN canceled OR pause IS NULL THEN now() END,
               failures = failures + 1, error = %(error)s, lease_until = NULL, worker = NULL
          FROM tried WHERE work.id = tried.id
        RETURNING status, kind)
    SELECT status FROM done, {}""").format(_HELD, _TELL)

RELEASE = SQL("""
    WITH done AS (
        UPDATE work SET status = 'queued', attempt = attempt - 1, lease_until = NULL,
                        worker = NULL
         WHERE {} RETURNING kind)
    SELECT true FROM done, {}""").format(_HELD, _TELL)

CANCEL = SQL("""
    WITH canceled AS (
        UPDATE work
           SET status = CASE status WHEN 'queued' THEN 'canceled' ELSE status END,
               finished_at = CASE status WHEN 'queued' THEN now() END,
               cancel_requested = true
         WHERE id = %(id)s AND status IN ('queued', 'running')
        RETURNING id)
    SELECT pg_notify('work_cancel', id::text) FROM canceled""")

CANCEL_WAITING = SQL("""
    UPDATE work SET status = 'canceled', cancel_requested = true, finished_at = now()
     WHERE key = %(key)s AND status = 'queued'
       AND (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s::text[]))""")

RETRY = SQL("""
    WITH again AS (
        UPDATE work SET status = 'queued', due_at = now(), failures = 0, losses = 0,
                        cancel_requested = false, finished_at = NULL
         WHERE id = %(id)s AND status IN ('failed', 'canceled')
        RETURNING kind)
    SELECT pg_notify('work_ready', kind) FROM again""")

LOG = SQL("""
    WITH held AS (SELECT id FROM work WHERE {} FOR UPDATE),
    written AS (
        INSERT INTO work_log (job, n, line)
        SELECT held.id, coalesce((SELECT max(n) FROM work_log WHERE job = held.id), 0) + place,
               line
          FROM held, unnest(%(lines)s::text[]) WITH ORDINALITY AS given (line, place))
    SELECT true FROM held""").format(_HELD)

PROGRESS = SQL("UPDATE work SET progress = %(progress)s WHERE {} RETURNING true").format(_HELD)

NEXT = SQL("""
    SELECT extract(epoch FROM min(
             CASE status WHEN 'queued' THEN due_at ELSE lease_until END) - now())
      FROM work AS w
     WHERE kind = ANY(%(kinds)s)
       AND (status = 'running'
            OR status = 'queued' AND NOT EXISTS (
                SELECT FROM work AS other WHERE other.key = w.key AND other.status = 'running'))
    """)

STATUS = SQL("SELECT status FROM work WHERE id = %(id)s")

GET = SQL("{} WHERE id = %(id)s").format(_VIEW)

FIND = SQL("""{}
     WHERE (%(key)s::text IS NULL OR key = %(key)s::text)
       AND (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s::text[]))
       AND (%(before)s::uuid IS NULL
            OR number < (SELECT number FROM work WHERE id = %(before)s::uuid))
     ORDER BY number DESC LIMIT %(limit)s""").format(_VIEW)

READ_LOG = SQL("""
    SELECT n, at, line FROM work_log
     WHERE job = %(id)s AND n > %(after)s ORDER BY n LIMIT %(limit)s""")

PRUNE = SQL("DELETE FROM work WHERE finished_at < now() - %(age)s")
