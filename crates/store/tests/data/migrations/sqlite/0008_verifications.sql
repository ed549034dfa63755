INSERT INTO verifications (platform, challenge_passed_at, challenge_failed_at, refused_count, refused_at, refused_about)
VALUES ('instagram', 1767225600000, 1767225500000, 3, 1767225600000, '17');
