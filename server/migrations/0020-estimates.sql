-- How long tasks take, learned from those that came to be: one row for each model and size of task.

create table estimate (
  model_id bigint not null references model (id),
  kind text not null,
  -- Pictures asked for, or seconds of a clip: how large a task is.
  size integer not null check (size between 1 and 1000),
  -- From its first claim to its end; the average of the first few, then each new one counts a fifth.
  seconds double precision not null check (seconds >= 0),
  samples integer not null check (samples > 0),
  updated_at timestamptz not null default now(),
  constraint one_estimate_per_size primary key (model_id, kind, size)
);
