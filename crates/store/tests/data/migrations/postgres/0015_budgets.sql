UPDATE budgets SET spent = '{"text":{"calls":[[1767225600000,2]]}}';
