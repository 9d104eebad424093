import type { retention as english } from "../en/retention";
import { n } from "./numbers";

const found = (executions: number, artifacts: number, size: string): string =>
  `${n(executions)} 个执行和 ${n(artifacts)} 个产物，共 ${size}`;

export const retention: typeof english = {
  retention: {
    title: "保留规则",
    everything: "全部保留。",
    kept: (rules) => `保留：${rules}。`,
    days: (days) => `最近 ${n(days)} 天的执行`,
    count: (count) => `最新的 ${n(count)} 个`,
    size: (size) => `总共不超过 ${size}`,
    tags: (tags) => `另有规则的标签：${tags}。`,
    nextAt: (at) => `下一次：${at}。`,
    nothing: "没有需要删除的内容。",
    would: (executions, artifacts, size) => `按规则将删除 ${found(executions, artifacts, size)}。`,
    removed: (executions, artifacts, size) => `已删除 ${found(executions, artifacts, size)}。`,
    pinned: (count) => `${n(count)} 个因固定而保留。`,
    prune: "立即删除",
    pruning: "正在删除",
    ask: "按规则删除？",
    final: "无法恢复。",
    more: (count) => `以及另外 ${n(count)} 个。`,
    keepAll: "保留",
  },
};
