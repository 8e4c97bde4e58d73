import { Redis } from "./src/index.ts";
import { startCluster } from "./src/testing/index.ts";
import { Load } from "./test/topology/load.ts";
import { setTimeout as sleep } from "node:timers/promises";
const what = process.argv[2];
const cluster = await startCluster({ primaries: 3, replicas: 1, config: {} });
const redis = Redis.cluster(cluster.urls.slice(0,2));
const load = await Load.start(redis);
await sleep(500);
load.mark();
const t0=performance.now();
const say=(s:string)=>console.log(Math.round(performance.now()-t0), s, load.longestOutage, load.failures.length, JSON.stringify(load.operations));
try {
 if (what==="reshard") { const [a,b]=await cluster.primaries(); await cluster.moveSlots([0,4095],a,b).run(); say("there"); await cluster.moveSlots([0,4095],b,a).run(); say("back"); }
 if (what==="failover") { const r=(await cluster.replicas())[0]; await cluster.failover(r); say("graceful"); await sleep(1000); }
 if (what==="force") { const r=(await cluster.replicas())[0]; await cluster.failover(r,"force"); say("force"); await sleep(1000); }
 if (what==="takeover") { const r=(await cluster.replicas())[0]; await cluster.takeover(r); say("takeover"); await sleep(2000); }
 if (what==="kill") { const p=(await cluster.primaries())[0]; await cluster.kill(p); await cluster.settled(); say("settled"); await sleep(2000); }
 if (what==="pause") { const p=(await cluster.primaries())[0]; cluster.pause(p); await cluster.settled(); say("settled"); await sleep(1500); cluster.resume(p); await sleep(1000); }
 if (what==="node") { const n=await cluster.addNode(); say("added"); const [a]=await cluster.primaries(); await cluster.moveSlots([0,500],a,n).run(); say("moved"); await cluster.moveSlots([0,500],n,a).run(); await cluster.settled(); await cluster.forget(n); say("forgotten"); await sleep(1000); await cluster.kill(n);await sleep(500) }
 say("end");
 await load.stop();
 console.log("lost elements", await load.lostElements());
} catch (e) { console.log("ERR", e) }
const by=new Map(); for (const f of load.failures) { const k=`${f.what} ${f.code} ${f.outcome} ${f.message.slice(0,160)}`; by.set(k,[(by.get(k)?.[0]??0)+1, f.at]); } console.log(by);
console.log(Object.fromEntries(Object.entries(redis.stats().nodes).map(([k,v])=>[k,JSON.stringify(v.closedBecause)+v.total])));
await redis.close(); await cluster.stop();
