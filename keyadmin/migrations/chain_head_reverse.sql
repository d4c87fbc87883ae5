DROP TRIGGER chain_head_follows ON chain_head;
DROP TRIGGER chain_head_stays ON chain_head;
DROP FUNCTION chain_head_follow();
