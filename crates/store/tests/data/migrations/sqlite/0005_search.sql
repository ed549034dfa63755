UPDATE messages SET folded = 'hi there' WHERE id = '019b76daa80000000000000f';
