-- Whoever connects is told of every task of theirs that is on its way, also the one beneath a thousand newer ones.
create index open_tasks_of_account on task (account_id, id)
  where state in ('awaiting_approval', 'queued', 'running', 'unknown');
