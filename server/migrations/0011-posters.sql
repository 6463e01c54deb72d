-- A clip's still as the provider handed it over. Thumbnails are made when they are asked for and have no rows; the
-- rows of those made before stay.

alter table file drop constraint file_role_check;
alter table file add constraint file_role_check check (role in ('output', 'poster', 'thumbnail'));
