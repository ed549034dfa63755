UPDATE conversations SET automated_turns = 3;
