BEGIN TRANSACTION;
CREATE TABLE event (
	seq INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	body TEXT NOT NULL, 
	leaf TEXT NOT NULL, 
	entry TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "event" VALUES(1,'2020-01-01T12:00:00.000+00:00','service:aims','batch.landed','loans/2013-07-01/production','{"digest":"abababababababababababababababababababababababababababababababab","rows":120}','0ccb3a49b0c18224c181a3a58bf77461bc67e01083693ea3d12fcfda9c56e41c','1dbc7fb9d6eea1414c10a2330e10cda4884ceffc0cf629b740866cca71cc8856');
INSERT INTO "event" VALUES(2,'2020-01-01T12:00:00.000+00:00','service:aims','batch.judged','loans/2013-07-01','{"as_known_on":"2020-01-01","assessment":{"criteria":{"alike":{"owner":"team:loans","version":1},"stable":{"owner":"team:loans","version":1}},"sha256":"abababababababababababababababababababababababababababababababab","version":1},"inputs":{"data":"first","outcomes":null},"labels":{},"measurements":3,"parts":4,"reference":"2013-01-01 to 2013-07-01","results":"e3530bad982d798369aac8254f48501b544caedda26c507b731ab04912568e15","run":"run-1","verdicts":2}','3daf7abaf1b24ece5c4524a427eea9eb2f1c928a0da90fd3b9081a6acbb9c6ad','ad6d3895778e44924a0a5154fdbfb50be84c51bc065991f5092d5a77aae65d62');
INSERT INTO "event" VALUES(3,'2020-01-01T12:00:00.000+00:00','service:aims','nonconformity.suspected','loans/alike/region: north','{"batch":"2013-07-01","case":null,"evidence":{"against":null,"as_known_on":"2020-01-01","assessment":{"sha256":"abababababababababababababababababababababababababababababababab","version":1},"criterion":{"owner":"team:loans","version":1},"high":"0.35","inputs":{"data":"first","outcomes":null},"limit":"0.25","low":"0.25","measurement":"m-2447c50cd394a197c5273d45","method":"10 bins","metric":"psi","n":120,"noise_floor":"0.0625","parts":[{"about":"over 10 to 20","after":"0.2","before":"0.1","by":"income","kind":"bin","n":24,"note":"half of it","share":"0.75","value":"0.25"},{"about":"(rest)","after":null,"before":null,"by":"income","kind":"bin","n":null,"note":null,"share":null,"value":"0.05"}],"reason":"it is breach","reference":"2013-01-01 to 2013-07-01","run":"run-1","severity":"major","unit":"nats","value":"0.3","warn":"0.1"},"previous_case":null,"verdict":"breach","verdict_id":"v-3f7c226dc7a25f70216f8c5c"}','edc35ff462f64656ba1b2202517eac9c9b7ef340736cb4ba48ddbc68a0b0a493','69c23108eec1d9cc912d4760d3dc5a37b0d6496cbb828f5b4020f164e35b3ff5');
INSERT INTO "event" VALUES(4,'2020-01-01T12:00:00.000+00:00','service:aims','batch.judged','loans/2013-07-01','{"as_known_on":"2020-01-01","assessment":{"criteria":{"alike":{"owner":"team:loans","version":1},"mid":{"owner":"team:loans","version":1},"zeta":{"owner":"team:loans","version":1}},"sha256":"abababababababababababababababababababababababababababababababab","version":1},"inputs":{"data":"second","outcomes":null},"labels":{},"measurements":4,"parts":4,"reference":"2013-01-01 to 2013-07-01","results":"0e5c1a9bc8d93b9c9a916aaf9d04809cbb238f77d56386d1898a2d3e8ecd6684","run":"run-1","verdicts":3}','00ff597a3ef50a5956c8368e7f489154328e4fabcf4eb6e36197200cdd6d27cf','f846f84e7e1ecfb12d3bdfa924b3adeb57764fde35eb59f6fa19c5b4c9dadc6e');
INSERT INTO "event" VALUES(5,'2020-01-01T12:00:00.000+00:00','service:aims','nonconformity.restated','loans/alike/region: north','{"batch":"2013-07-01","case":3,"evidence":{"against":null,"as_known_on":"2020-01-01","assessment":{"sha256":"abababababababababababababababababababababababababababababababab","version":1},"criterion":{"owner":"team:loans","version":1},"high":null,"inputs":{"data":"second","outcomes":null},"limit":"0.25","low":null,"measurement":"m-d1a3e673855aff85b221ec41","method":"10 bins","metric":"psi","n":120,"noise_floor":"0.0625","parts":[],"reason":"it is inconclusive","reference":"2013-01-01 to 2013-07-01","run":"run-1","severity":"major","unit":"nats","value":null,"warn":"0.1"},"previous_case":null,"verdict":"inconclusive","verdict_id":"v-d7fce9ef4fa5acf92c2d1074"}','8db07f2c7920f444a8e315fa2ea7d6318f9a8c830e4a7a5df5b6085ea696afb3','917922f33f15aa50562aaca0ade531e3c013ae6093368b652cff2683b57c1b12');
CREATE TABLE measurement (
	id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	system TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	metric TEXT, 
	"column" TEXT, 
	segment TEXT, 
	unit TEXT, 
	method TEXT, 
	reference TEXT, 
	against TEXT, 
	reason TEXT, 
	value FLOAT, 
	low FLOAT, 
	high FLOAT, 
	alpha FLOAT, 
	noise_floor FLOAT, 
	detectable FLOAT, 
	n INTEGER NOT NULL, 
	broken BOOLEAN NOT NULL, 
	as_known_on TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(seq) REFERENCES event (seq)
);
INSERT INTO "measurement" VALUES('m-9a0a3f3a39eb2da758652d0f',2,'loans','2013-07-01','psi','stable','all','nats','10 bins','2013-01-01 to 2013-07-01',NULL,NULL,0.3,0.25,0.35,0.05,0.0625,NULL,120,0,'2020-01-01');
INSERT INTO "measurement" VALUES('m-2447c50cd394a197c5273d45',2,'loans','2013-07-01','psi','alike','region: north','nats','10 bins','2013-01-01 to 2013-07-01',NULL,NULL,0.3,0.25,0.35,0.05,0.0625,NULL,120,0,'2020-01-01');
INSERT INTO "measurement" VALUES('m-31775ee50848718781e911b5',2,'loans','2013-07-01','null_share','income',NULL,'share','count','2013-01-01 to 2013-07-01',NULL,NULL,0.125,NULL,NULL,NULL,NULL,NULL,120,0,'2020-01-01');
INSERT INTO "measurement" VALUES('m-8620fe260b382ef1975d48b9',4,'loans','2013-07-01','psi','zeta','all','nats','10 bins','2013-01-01 to 2013-07-01',NULL,NULL,0.2,0.25,0.35,0.05,0.0625,NULL,120,0,'2020-01-01');
INSERT INTO "measurement" VALUES('m-d1a3e673855aff85b221ec41',4,'loans','2013-07-01','psi','alike','region: north','nats','10 bins','2013-01-01 to 2013-07-01',NULL,'too few rows',NULL,NULL,NULL,0.05,0.0625,NULL,120,0,'2020-01-01');
INSERT INTO "measurement" VALUES('m-46c9772d9bba5181a8c155dd',4,'loans','2013-07-01','psi','mid','all','nats','10 bins','2013-01-01 to 2013-07-01',NULL,NULL,0.2,0.25,0.35,0.05,0.0625,NULL,120,0,'2020-01-01');
INSERT INTO "measurement" VALUES('m-7974e10e018f16381a9e7396',4,'loans','2013-07-01','null_share','income',NULL,'share','count','2013-01-01 to 2013-07-01',NULL,NULL,0.125,NULL,NULL,NULL,NULL,NULL,120,0,'2020-01-01');
CREATE TABLE part (
	id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	measurement TEXT NOT NULL, 
	system TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	about TEXT, 
	note TEXT, 
	value FLOAT NOT NULL, 
	share FLOAT, 
	"before" FLOAT, 
	"after" FLOAT, 
	n INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(seq) REFERENCES event (seq), 
	FOREIGN KEY(measurement) REFERENCES measurement (id)
);
INSERT INTO "part" VALUES('p-0d7d38ad04e81013b595f59d',2,'m-9a0a3f3a39eb2da758652d0f','loans','2013-07-01','bin','income','over 10 to 20','half of it',0.25,0.75,0.1,0.2,24);
INSERT INTO "part" VALUES('p-f17eae27999db18ab1e30c5f',2,'m-9a0a3f3a39eb2da758652d0f','loans','2013-07-01','bin','income','(rest)',NULL,0.05,NULL,NULL,NULL,NULL);
INSERT INTO "part" VALUES('p-638332b9179452047f5b740d',2,'m-2447c50cd394a197c5273d45','loans','2013-07-01','bin','income','over 10 to 20','half of it',0.25,0.75,0.1,0.2,24);
INSERT INTO "part" VALUES('p-de7a872eb6f2177643d1519c',2,'m-2447c50cd394a197c5273d45','loans','2013-07-01','bin','income','(rest)',NULL,0.05,NULL,NULL,NULL,NULL);
INSERT INTO "part" VALUES('p-a96a47ac5f07a7c26f62e28d',4,'m-8620fe260b382ef1975d48b9','loans','2013-07-01','bin','income','over 10 to 20','half of it',0.25,0.75,0.1,0.2,24);
INSERT INTO "part" VALUES('p-46bd08776570018a84ecc58e',4,'m-8620fe260b382ef1975d48b9','loans','2013-07-01','bin','income','(rest)',NULL,0.05,NULL,NULL,NULL,NULL);
INSERT INTO "part" VALUES('p-3669758bff800bb1b71099e5',4,'m-46c9772d9bba5181a8c155dd','loans','2013-07-01','bin','income','over 10 to 20','half of it',0.25,0.75,0.1,0.2,24);
INSERT INTO "part" VALUES('p-db55e1922e99e90c12361fcd',4,'m-46c9772d9bba5181a8c155dd','loans','2013-07-01','bin','income','(rest)',NULL,0.05,NULL,NULL,NULL,NULL);
CREATE TABLE verdict (
	id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	measurement TEXT NOT NULL, 
	system TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	criterion TEXT NOT NULL, 
	segment TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	direction TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	value FLOAT, 
	low FLOAT, 
	high FLOAT, 
	warn FLOAT, 
	"limit" FLOAT, 
	noise_floor FLOAT, 
	family_alpha FLOAT, 
	n INTEGER NOT NULL, 
	family_size INTEGER NOT NULL, 
	assessment TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(seq) REFERENCES event (seq), 
	FOREIGN KEY(measurement) REFERENCES measurement (id)
);
INSERT INTO "verdict" VALUES('v-6c15388c558ed774209837a2',2,'m-9a0a3f3a39eb2da758652d0f','loans','2013-07-01','stable','all','conforming','above','major','it is conforming',0.3,0.25,0.35,0.1,0.25,0.0625,NULL,120,1,'abababababababababababababababababababababababababababababababab');
INSERT INTO "verdict" VALUES('v-3f7c226dc7a25f70216f8c5c',2,'m-2447c50cd394a197c5273d45','loans','2013-07-01','alike','region: north','breach','above','major','it is breach',0.3,0.25,0.35,0.1,0.25,0.0625,NULL,120,1,'abababababababababababababababababababababababababababababababab');
INSERT INTO "verdict" VALUES('v-d5ea46ec3d00ea6fcf9fc38d',4,'m-8620fe260b382ef1975d48b9','loans','2013-07-01','zeta','all','warning','above','major','it is warning',0.2,0.25,0.35,0.1,0.25,0.0625,NULL,120,1,'abababababababababababababababababababababababababababababababab');
INSERT INTO "verdict" VALUES('v-d7fce9ef4fa5acf92c2d1074',4,'m-d1a3e673855aff85b221ec41','loans','2013-07-01','alike','region: north','inconclusive','above','major','it is inconclusive',NULL,NULL,NULL,0.1,0.25,0.0625,NULL,120,1,'abababababababababababababababababababababababababababababababab');
INSERT INTO "verdict" VALUES('v-02fe13cb4be287be623ac5de',4,'m-46c9772d9bba5181a8c155dd','loans','2013-07-01','mid','all','conforming','above','major','it is conforming',0.2,0.25,0.35,0.1,0.25,0.0625,NULL,120,1,'abababababababababababababababababababababababababababababababab');
CREATE INDEX event_by_subject ON event (kind, subject);
CREATE INDEX measurement_by_batch ON measurement (system, batch, seq);
CREATE INDEX verdict_by_batch ON verdict (system, batch, seq);
CREATE INDEX part_by_batch ON part (system, batch, seq);
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER measurement_no_update BEFORE UPDATE ON measurement BEGIN SELECT RAISE(ABORT, 'measurement is append-only'); END;
CREATE TRIGGER measurement_no_delete BEFORE DELETE ON measurement BEGIN SELECT RAISE(ABORT, 'measurement is append-only'); END;
CREATE TRIGGER part_no_update BEFORE UPDATE ON part BEGIN SELECT RAISE(ABORT, 'part is append-only'); END;
CREATE TRIGGER part_no_delete BEFORE DELETE ON part BEGIN SELECT RAISE(ABORT, 'part is append-only'); END;
CREATE TRIGGER verdict_no_update BEFORE UPDATE ON verdict BEGIN SELECT RAISE(ABORT, 'verdict is append-only'); END;
CREATE TRIGGER verdict_no_delete BEFORE DELETE ON verdict BEGIN SELECT RAISE(ABORT, 'verdict is append-only'); END;
COMMIT;
