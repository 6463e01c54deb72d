-- Clips beside pictures.

alter table model drop constraint model_kind_check;
alter table model add constraint model_kind_check check (kind in ('image', 'video'));
alter table task drop constraint task_kind_check;
alter table task add constraint task_kind_check check (kind in ('image', 'video'));

-- Length of a clip, as read from the file.
alter table file add column duration_ms integer check (duration_ms >= 0);
