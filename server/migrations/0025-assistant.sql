-- Conversations with the assistant. Each reply is a task that is born claimed by the process that writes it.

alter table task drop constraint task_kind_check;
alter table task add constraint task_kind_check check (kind in ('image', 'video', 'custom', 'text', 'deck', 'chat'));

create table conversation (
  id bigint generated always as identity primary key,
  account_id bigint not null references account (id),
  -- How its first message begins.
  title text not null,
  -- What its owner sees of it: messages that are shown, and the last of them.
  messages integer not null default 0 check (messages >= 0),
  created_at timestamptz not null default now(),
  -- Its last activity.
  updated_at timestamptz not null default now(),
  -- Then its words are gone too; what was paid for them stays with the tasks.
  deleted_at timestamptz
);
create index conversations_of_account on conversation (account_id, updated_at desc, id desc) where deleted_at is null;

create table message (
  id bigint generated always as identity primary key,
  conversation_id bigint not null references conversation (id),
  -- The reply's task, also of the message that it answers.
  task_id bigint not null references task (id) deferrable initially deferred,
  role text not null check (role in ('user', 'assistant')),
  -- writing: a process has it; done: the model ended it; stopped: nobody waited any more; broken: it ended too early;
  -- failed: not a word came, and it is never shown.
  state text not null default 'done' check (state in ('writing', 'done', 'stopped', 'broken', 'failed')),
  content text not null,
  -- Whether anything was written: what a reply is paid for, whatever has become of its words.
  has_text boolean not null,
  -- Whether it ended at its bound.
  is_cut boolean not null default false,
  -- How much of a model's memory it takes, estimated.
  tokens integer not null default 0 check (tokens >= 0),
  stop_asked_at timestamptz,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  constraint one_message_of_a_role_per_task unique (task_id, role),
  constraint only_replies_are_written check (role = 'assistant' or state = 'done')
);
create index messages_of_conversation on message (conversation_id, id desc);
create unique index one_reply_at_a_time on message (conversation_id) where state = 'writing';
