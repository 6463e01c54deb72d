-- Texts and decks: tasks whose outcome is words, and works that their owners edit.

alter table model drop constraint model_kind_check;
alter table model add constraint model_kind_check
  check (kind in ('image', 'video', 'custom', 'text', 'vision', 'deck'));
alter table task drop constraint task_kind_check;
alter table task add constraint task_kind_check check (kind in ('image', 'video', 'custom', 'text', 'deck'));

-- What a list shows and filters by, beside the task that made it.
alter table work add column kind text;
update work w set kind = t.kind from task t where t.id = w.task_id;
alter table work alter column kind set not null;
alter table work add constraint work_kind_check check (kind in ('image', 'video', 'custom', 'text', 'deck'));
-- The writing tool, for a text.
alter table work add column tool text;
alter table work add column title text not null default '';
-- What was written; of a deck, the words on its slides.
alter table work add column body text;
-- Whether the model reached its bound before it had finished.
alter table work add column is_cut boolean not null default false;
-- Rises with every edit by the owner.
alter table work add column version integer not null default 1 check (version > 0);
alter table work add column updated_at timestamptz;
update work w set title = left(split_part(coalesce(t.input ->> 'prompt', ''), chr(10), 1), 200)
from task t where t.id = w.task_id;
create index works_of_account_by_kind on work (account_id, kind, id desc) where deleted_at is null;

-- What a work said before an edit. The work itself has the latest.
create table work_version (
  work_id bigint not null references work (id),
  version integer not null check (version > 0),
  title text not null,
  body text,
  -- When this version was written, and when the next one took its place.
  created_at timestamptz not null,
  replaced_at timestamptz not null default now(),
  constraint one_row_per_version_of_a_work primary key (work_id, version)
);

-- price.subject: 'model:<id>', 'tool:<name>' or 'kind:<kind>'; the first that exists applies.
