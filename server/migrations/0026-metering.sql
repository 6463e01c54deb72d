-- Prices by what a task really takes: a rule on a model, in place of so many credits for one output, and with each task
-- the explanation of what it cost.

alter table price
  -- Null for `credits` for one output. With a rule, `credits` is what one usual output comes to, for whoever shows one
  -- number. Amounts are integers of 1/10000 credit.
  add column rule jsonb,
  -- From this version on it is as if there were no price of this subject.
  add column is_withdrawn boolean not null default false,
  add constraint only_models_are_metered check (rule is null or subject like 'model:%'),
  add constraint what_is_withdrawn_has_no_rule check (rule is null or not is_withdrawn),
  add constraint a_rule_says_all check (rule is null or (
    (rule ->> 'roundTo')::bigint between 1 and 1000000000000
    and case rule ->> 'unit'
      when 'tokens' then (rule ->> 'inputPer1000')::bigint between 0 and 1000000000000
        and (rule ->> 'outputPer1000')::bigint between 0 and 1000000000000
        and (rule ->> 'minimum')::bigint between 0 and 1000000000000
      when 'pictures' then jsonb_array_length(rule -> 'sizes') between 1 and 20
      when 'seconds' then jsonb_array_length(rule -> 'sizes') between 1 and 20
      else false end) is true);

-- Of a metered task from its submission on, and of every task once it has been paid for (kernel/metering/explanation.ts).
alter table task add column explanation jsonb;
