-- Models that write: from a conversation, or about a picture.

alter table model drop constraint model_kind_check;
alter table model add constraint model_kind_check check (kind in ('image', 'video', 'custom', 'text', 'vision'));
