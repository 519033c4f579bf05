"""The steps of the original's two procedures, in a few words each, by their numbers: what ours stand beside."""

RECOVERY: dict[str, str] = {
    "1": "stop the replication at the surviving site",
    "2": "let the mart server's application object name host and configuration server of the surviving site",
    "3": "remove or disable collectors and access points of the lost site; swap the mart's access point",
    "4": "switch the scheduler off until partitions are made",
    "5": "switch aggregation off and stop the job",
    "6": "start the mart server at the surviving site",
    "7": "run the migration job if the server says so",
    "8": "run the maintenance job for partitions, then switch the scheduler on",
    "9": "check the server's logs",
    "10": "aggregate the last 24 hours again and switch aggregation on",
}

RETURN: dict[str, str] = {
    "1": "stop the mart server, if that is acceptable for as long as the copy takes",
    "2": "copy the mart to the new site",
    "3": "deploy a redundant pair of collectors for each source, using the old objects again",
    "4": "deploy the mart server at the new site, using its application object again",
    "5": "set up replication at the new site",
    "6": "clean the replication's working folders at the surviving site",
    "7": "drop and make anew the replication's schema",
    "8": "stop the mart server at the surviving site",
    "9": "large marts: replicate in the reverse direction first, to catch up",
    "10": "start the receiving side from the new position",
    "11": "start the sending side",
    "12": "make sure that both marts are completely in sync",
    "13": "configure the access point of the mart at the new site",
    "14": "let application object, connections and access points name the new site",
    "15": "start the mart server there and run the jobs",
    "16": "check its logs",
    "17": "verify that replication runs at the source",
    "18": "check that data arrives at the target",
    "19": "aggregate again from 24 hours before the failure",
}
